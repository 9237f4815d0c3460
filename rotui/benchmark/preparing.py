"""The pictures of the plain loop: CIFAR-10 where its official batches are, else made-up files."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rotui.benchmark.cases import Case
from rotui.benchmark.running import ask


def with_pictures(
    cases: Sequence[Case], folder: Path, data_dir: Path, stop: Callable[[], bool]
) -> list[Case]:
    """The same cases, those of the plain loop with the place of their pictures, which are made in `folder`
    where `data_dir` has none of their size."""
    sizes = sorted({case.size for case in cases if case.kind == "plain loop"})
    if not sizes:
        return list(cases)
    official = str(data_dir.absolute())
    found = ask({"pictures": str(folder), "sizes": sizes, "cifar10": official}, stop)["found"]

    def placed(case: Case) -> Case:
        if case.kind != "plain loop":
            return case
        if found and case.size == 32:
            return replace(case, data_dir=official)
        return replace(case, folder=str(folder / str(case.size)))

    return [placed(case) for case in cases]
