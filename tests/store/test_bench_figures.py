"""The figures of `rotui bench` on file: the newest of each kind, and no trouble from a damaged file."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rotui.errors import StoreError
from rotui.store.bench_figures import KeptFigures, figures_file, keep_figures, kept_figures
from rotui.study.bench_figure import BenchFigure

FIGURE = BenchFigure(
    host="box",
    device="cpu",
    device_name="cpu",
    threads=2,
    architecture="resnet18",
    image_size=32,
    batch_size=128,
    precision="fp32",
    trains_all=True,
    training_seconds=0.002,
    evaluation_seconds=0.0005,
    measured="2026-01-01T00:00:00.000Z",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "made" / "bench.json"


def test_there_are_none_before_the_first(file: Path) -> None:
    assert kept_figures(file) == KeptFigures()
    assert not file.exists()


def test_figures_lie_in_the_cache_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    keep_figures([FIGURE])
    assert figures_file().is_relative_to(tmp_path)
    assert kept_figures().figures == (FIGURE,)


def test_the_newest_of_each_kind_is_kept_beside_the_others(file: Path) -> None:
    newer = replace(FIGURE, training_seconds=0.001, measured="2026-01-02T00:00:00.000Z")
    others = [
        replace(FIGURE, **{name: value})
        for name, value in {
            "host": "other",
            "device": "cuda:0",
            "device_name": "NVIDIA H200",
            "threads": 1,
            "architecture": "resnet34",
            "image_size": 160,
            "batch_size": 64,
            "precision": "bf16",
            "trains_all": False,
        }.items()
    ]
    assert keep_figures([newer, *others], file) == ""
    assert keep_figures([FIGURE], file) == ""
    assert set(kept_figures(file).figures) == {newer, *others}


def test_a_file_that_changed_is_read_again(file: Path) -> None:
    keep_figures([FIGURE], file)
    assert kept_figures(file) is kept_figures(file)
    keep_figures([replace(FIGURE, threads=4)], file)
    assert len(kept_figures(file).figures) == 2


def _with(**values: object) -> str:
    return json.dumps({"version": 1, "figures": [{**FIGURE.__dict__, **values}]})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\x00not json",
        b'{"version": 1, "figures": [{"host": "box"}]}',
        b'{"version": 1}',
        b"[1, 2]",
        _with(training_seconds=0.0).encode(),
        _with(evaluation_seconds=0.0).encode(),
        _with(training_seconds=float("nan")).encode(),
        _with(evaluation_seconds=float("inf")).encode(),
        _with(precision="fp8").encode(),
        json.dumps({"version": 2, "figures": []}).encode(),
    ],
    ids=["empty", "bytes", "torn", "no figures", "list", "zero", "0", "nan", "inf", "precision", "version"],
)
def test_a_damaged_file_is_told_of_in_one_line_and_kept_aside_by_the_next_that_is_written(
    file: Path, content: bytes
) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    kept = kept_figures(file)
    assert kept.figures == ()
    assert str(file) in kept.fault
    assert "not used" in kept.fault
    assert "\n" not in kept.fault
    assert file.read_bytes() == content
    told = keep_figures([FIGURE], file)
    (aside,) = file.parent.glob("bench.json.damaged-*")
    assert aside.name in told
    assert "\n" not in told
    assert aside.read_bytes() == content
    assert kept_figures(file) == KeptFigures((FIGURE,))


def test_a_folder_in_its_place_is_a_fault_too(file: Path) -> None:
    file.mkdir(parents=True)
    assert "not used" in kept_figures(file).fault


def test_a_file_where_the_folder_should_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "made").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        keep_figures([FIGURE], tmp_path / "made" / "bench.json")
