"""Data is loaded in no thread that may train, and on behalf of who asks."""

from contextvars import ContextVar
from pathlib import Path
from threading import Thread, current_thread, main_thread

import pytest

from rotui.data.loading import Datasets
from rotui.errors import StoppedError
from rotui.profile.schema import Profile
from rotui.study.planning import PlannedRun, Point, plan

ASKS: ContextVar[str] = ContextVar("asks", default="nobody")


def run_on(pictures: Path, size: int) -> PlannedRun:
    data = {"name": "folder", "path": str(pictures), "image_size": size}
    profile = Profile.model_validate({"name": "small", "data": data, "stages": ("supervised-random",)})
    (run,) = plan([Point(profile)]).runs
    return run


def test_threads_have_every_dataset_loaded_in_the_same_one_and_what_is_told_knows_who_asked(
    cats_and_dogs: Path, data_dir: Path
) -> None:
    told: list[tuple[str, str]] = []
    datasets = Datasets(
        data_dir,
        progress=lambda *_: told.append((current_thread().name, ASKS.get())),
        stop=lambda: False,
    )

    def ask(size: int) -> None:
        ASKS.set(f"asks for {size} px")
        assert len(datasets.splits(run_on(cats_and_dogs, size)).train) == 7

    for size in (16, 20):
        asking = Thread(target=ask, args=(size,), name=f"asks for {size} px")
        asking.start()
        asking.join()
    assert {who for _, who in told} == {"asks for 16 px", "asks for 20 px"}
    (loader,) = {name for name, _ in told}
    assert loader not in {"asks for 16 px", "asks for 20 px", main_thread().name}
    told.clear()
    ask(24)
    assert set(told) == {(main_thread().name, "asks for 24 px")}


def test_loading_can_be_stopped_and_asked_for_again(cats_and_dogs: Path, data_dir: Path) -> None:
    stops = [True]
    datasets = Datasets(data_dir, progress=lambda *_: None, stop=lambda: stops[0])
    with pytest.raises(StoppedError, match="stopped while images were decoded"):
        datasets.splits(run_on(cats_and_dogs, 16))
    stops[0] = False
    assert len(datasets.splits(run_on(cats_and_dogs, 16)).train) == 7
