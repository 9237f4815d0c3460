"""Which cases a call of `rotui bench` measures, and with how many steps each."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import get_args

from rotui.benchmark.cases import Case, Place, StageKind
from rotui.errors import InputError
from rotui.profile.schema import Architecture, Precision
from rotui.text import printable

NETWORKS: tuple[Architecture, ...] = get_args(Architecture)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
STAGE_KINDS: tuple[StageKind, ...] = get_args(StageKind)
SHOWN_STAGE: tuple[StageKind, ...] = ("pretrain",)
STEPS = {"cpu": 10, "cuda": 391}
"""Steps that are timed at up to 32 px unless told otherwise; on CUDA an epoch of CIFAR-10."""
FEWEST_STEPS = 2
IMAGE_SIZE = "image size (px)"
SCALED_SIZES = (32, 64, 96, 160)
SCALED_IMAGES = (1, 2, 4, 8)
"""Sizes of the dataset, as multiples of the smallest."""
SCALED_SEEDS = (1, 2, 4)
SCALED_JOBS = (1, 2, 4)
MOST_JOBS = 64


@dataclass(frozen=True)
class Wanted:
    """What was asked for. No precisions are fp32, with the plain loop bf16 too where the device has it; no
    stages are both, but pre-training alone for several runs at once and for what grows; no `steps` are as
    many as the device and the size of the images suggest."""

    networks: tuple[Architecture, ...]
    sizes: tuple[int, ...]
    precisions: tuple[Precision, ...]
    stages: tuple[StageKind, ...]
    jobs: tuple[int, ...]
    batch: int
    steps: int
    threads: int
    baseline: bool
    scaling: bool

    def __post_init__(self) -> None:
        if self.baseline and "resnet10" in self.networks:
            raise InputError("--baseline: torchvision has no resnet10 (resnet18, resnet34 or resnet50)")
        if self.scaling and (self.baseline or self.jobs):
            raise InputError("--scaling: measures nothing else (without --baseline and --jobs)")
        if self.scaling and len(self.networks) + len(self.sizes) > 2:
            raise InputError("--scaling: takes one network and one size")
        if self.scaling and len(self.precisions) > 1:
            raise InputError("--scaling: takes one --precision (fp32 or bf16)")
        if self.scaling and len(self.stages) > 1:
            raise InputError("--scaling: takes one --stage (pretrain or finetune)")


def words(option: str, text: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """The values of an option that takes several of `allowed`, each once; InputError for another."""
    found = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for word in found:
        if word not in allowed:
            raise InputError(f"{option}: {printable(word, 40)!r} is not one of {', '.join(allowed)}")
    return found


def numbers(option: str, text: str, least: int, most: int) -> tuple[int, ...]:
    """The same for whole numbers from `least` to `most`."""
    found: dict[int, None] = {}
    for word in text.split(","):
        told = word.strip()
        if not (told.isascii() and told.isdecimal() and len(told) < 9 and least <= int(told) <= most):
            raise InputError(
                f"{option}: {printable(told, 40)!r} is not a whole number from {least} to {most}"
            )
        found[int(told)] = None
    return tuple(found)


def usual_cases(wanted: Wanted, place: Place) -> list[Case]:
    """Single trainings, each plain loop before those that are compared with it, and several runs at once."""
    return [*_single(wanted, place), *_several(wanted, place)]


def scaling_cases(wanted: Wanted, place: Place) -> dict[str, list[Case]]:
    """By what grows, the cases that show how time grows with it; each with one run's threads.

    Larger images are timed for so few steps that what begins and ends an epoch would count for too much:
    theirs are steps alone.
    """
    precision = wanted.precisions[0] if wanted.precisions else "fp32"
    base = _case(wanted, place, wanted.networks[0], wanted.sizes[0])
    steps_alone = Case(
        **{**base.to_json(), "precision": precision, "stage": (wanted.stages or SHOWN_STAGE)[0]}
    )
    single = Case(**{**steps_alone.to_json(), "kind": "runs", "with_building": True})
    fewest = max(1, single.steps // 2)

    def changed(**values: object) -> Case:
        return Case(**{**single.to_json(), **values})

    return {
        "runs at once": [
            changed(at_once=jobs, threads=_lane_threads(wanted, place, jobs)) for jobs in SCALED_JOBS
        ],
        IMAGE_SIZE: [
            Case(**{**steps_alone.to_json(), "size": size, "steps": _steps(wanted, place, size)})
            for size in SCALED_SIZES
        ],
        "images in an epoch": [changed(steps=fewest * times) for times in SCALED_IMAGES],
        "seeds": [changed(in_a_row=seeds, steps=fewest) for seeds in SCALED_SEEDS],
    }


def _single(wanted: Wanted, place: Place) -> Iterator[Case]:
    precisions = wanted.precisions
    if not precisions:
        precisions = ("fp32", "bf16") if wanted.baseline and place.bf16 else ("fp32",)
    for network in wanted.networks:
        for size in wanted.sizes:
            case = _case(wanted, place, network, size)
            if wanted.baseline:
                values = {"kind": "plain loop", "threads": wanted.threads}
                yield Case(**{**case.to_json(), **values})
            for stage in wanted.stages or STAGE_KINDS:
                for precision in precisions:
                    yield Case(**{**case.to_json(), "stage": stage, "precision": precision})


def _several(wanted: Wanted, place: Place) -> Iterator[Case]:
    kinds = list(
        product(wanted.networks, wanted.sizes, wanted.stages or SHOWN_STAGE, wanted.precisions or ("fp32",))
    )
    for (network, size, stage, precision), jobs in product(kinds, wanted.jobs):
        case = _case(wanted, place, network, size)
        shape = {"kind": "runs", "at_once": jobs, "threads": _lane_threads(wanted, place, jobs)}
        yield Case(**{**case.to_json(), **shape, "stage": stage, "precision": precision})


def _case(wanted: Wanted, place: Place, network: Architecture, size: int) -> Case:
    return Case(
        kind="training",
        network=network,
        size=size,
        batch=wanted.batch,
        steps=_steps(wanted, place, size),
        threads=wanted.threads or place.threads,
        device=place.device,
    )


def _lane_threads(wanted: Wanted, place: Place, jobs: int) -> int:
    """CPU threads of each of several runs: one, and all of them for a run that is alone."""
    return 1 if jobs > 1 else wanted.threads or place.threads


def _steps(wanted: Wanted, place: Place, size: int) -> int:
    """Steps to time: fewer of larger images, whose steps take longer."""
    usual = STEPS["cuda" if place.is_cuda else "cpu"]
    return wanted.steps or max(FEWEST_STEPS, round(usual * min(1.0, (32 / size) ** 2)))
