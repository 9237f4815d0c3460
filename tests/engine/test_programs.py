"""A program that has trained one run trains the next to the same bits as a new one, captured or not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from rotui.data.images import Dataset
from rotui.data.splits import split_dataset
from rotui.engine.batches import evaluation_draws, training_draws
from rotui.engine.device import apply_compute_settings
from rotui.engine.optimizer import make_optimizer, optimizer_state, optimizer_tensors, restore_optimizer
from rotui.engine.program import Program, program_key
from rotui.engine.programs import Programs
from rotui.engine.steps import Steps
from rotui.engine.training import Training, class_names, keep_none
from rotui.study.planning import PlannedRun

CPU = torch.device("cpu")
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="captures steps on a CUDA device")
Trained = Callable[..., tuple[list[Any], Any]]


def program_of(run: PlannedRun, dataset: Dataset, device: torch.device = CPU) -> Program:
    splits = split_dataset(dataset, run.profile, run.stage_name)
    return Program(run, splits, len(class_names(run, splits)), device)


def key_of(run: PlannedRun, dataset: Dataset) -> str:
    splits = split_dataset(dataset, run.profile, run.stage_name)
    return program_key(run, splits, len(class_names(run, splits)))


@pytest.mark.parametrize("stage", ["pretrain", "finetune-pretrained", "supervised-random"])
def test_a_used_program_trains_the_next_run_to_the_bits_of_a_new_one(
    stage: str,
    planned: Callable[..., PlannedRun],
    trained: Trained,
    dataset: Dataset,
    trunk: dict[str, Tensor],
) -> None:
    given = trunk if stage == "finetune-pretrained" else None
    first, second = planned(stage, seed=1), planned(stage, seed=2, optimizer={"learning_rate": 0.003})
    program = program_of(first, dataset)
    trained(first, trunk=given, program=program)
    records, network = trained(second, trunk=given, program=program)
    expected, fresh = trained(second, trunk=given)
    assert records == expected
    weights = fresh.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in network.network.state_dict().items())


def test_runs_share_a_program_where_only_seed_rate_and_epochs_differ(
    planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    key = key_of(planned("pretrain"), dataset)
    assert key_of(planned("pretrain", seed=9, optimizer={"learning_rate": 0.5}), dataset) == key
    assert key_of(planned("pretrain", scale={"epochs": 7}), dataset) == key
    others: list[dict[str, Any]] = [
        {"loss": {"label_smoothing": 0.3}},
        {"rotation": {"count": 8}},
        {"rotation": {"per_step": "all"}},
        {"optimizer": {"batch_size": 8}},
        {"data": {"name": "digits", "crop_padding": 1}},
        {"data": {"name": "digits", "horizontal_flip": False}},
        {"data": {"name": "digits", "holdout": 0.2}},
        {"network": {"width": 16}},
        {"compute": {"precision": "bf16"}},
        {"compute": {"live_taps": False}},
        {"scale": {"limit": 12, "epochs": 2}},
    ]
    keys = [key_of(planned("pretrain", **other), dataset) for other in others]
    assert len({key, *keys, key_of(planned("supervised-random"), dataset)}) == len(others) + 2


def test_runs_on_other_images_labels_or_trained_parts_share_no_program(
    planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    runs = [
        planned("supervised-random"),
        planned("finetune-random"),
        planned("supervised-random", labels={"noise": 30.0}),
        planned("supervised-random", labels={"per_class": 4}),
        planned("supervised-random", labels={"per_class": 4, "budget": "steps"}),
        planned("supervised-random", data={"name": "digits", "mean": (0.5,) * 3}),
        planned("supervised-random", data={"name": "digits", "std": (0.5,) * 3}),
    ]
    keys = {key_of(run, dataset) for run in runs}
    assert len(keys) == len(runs)
    splits = split_dataset(dataset, runs[0].profile, runs[0].stage_name)
    fewer = replace(splits.validation, indices=splits.validation.indices[1:])
    assert program_key(runs[0], replace(splits, validation=fewer), 3) not in keys
    assert program_key(runs[0], splits, 4) not in keys
    folder = {"name": "folder", "path": "pictures"}
    sizes = [planned("supervised-random", data={**folder, "image_size": size}) for size in (16, 32)]
    assert len({program_key(run, splits, 3) for run in sizes}) == 2


@pytest.mark.parametrize(
    "data",
    [
        {"mean": (0.5,) * 3},
        {"std": (0.5,) * 3},
        {"name": "folder", "path": "pictures", "image_size": 16, "mean": (0.3094,) * 3, "std": (0.3488,) * 3},
    ],
    ids=["mean", "std", "size"],
)
def test_images_that_runs_share_are_cropped_and_normalised_for_each(
    data: dict[str, Any], planned: Callable[..., PlannedRun], trained: Trained, dataset: Dataset
) -> None:
    first, second = planned("supervised-random"), planned("supervised-random", data=data)
    splits = split_dataset(dataset, first.profile, first.stage_name)
    programs = Programs(CPU)
    with programs.lend(first, splits) as program:
        trained(first, splits, program=program)
    with programs.lend(second, splits) as program:
        records, _ = trained(second, splits, program=program)
    assert records == trained(second, splits)[0]


def test_programs_are_lent_one_at_a_time_and_on_the_cpu_not_kept(
    planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    run = planned("pretrain")
    splits = split_dataset(dataset, run.profile, run.stage_name)
    programs = Programs(CPU)
    with programs.lend(run, splits) as one, programs.lend(run, splits) as other:
        assert one is not other
        assert one.train.pool is other.train.pool
    with programs.lend(run, splits) as later:
        assert later is not one
        assert later is not other


def test_steps_take_what_is_drawn_in_order_and_from_where_they_are_told(dataset: Dataset) -> None:
    del dataset
    seen: list[int] = []
    steps = Steps(CPU, lambda drawn: seen.extend(drawn.order.tolist()), list, captures=False)
    draws = training_draws(1, 0, 10, 10, 4)
    steps.begin(draws)
    for size in (4, 4, 2):
        steps.take(size)
    assert seen == draws.order.tolist()
    seen.clear()
    other = training_draws(1, 1, 10, 10, 4)
    steps.begin(other, done=8)
    steps.take(2)
    assert seen == other.order.tolist()[8:]
    assert not torch.equal(other.order, draws.order)


def test_a_pass_leaves_the_draws_it_was_given_alone() -> None:
    steps = Steps(CPU, lambda _: None, list, captures=False)
    first, second = evaluation_draws(1, 0, 6, 4), evaluation_draws(1, 1, 6, 4)
    kept = first.rotation.clone()
    steps.begin(first)
    steps.begin(second)
    assert torch.equal(first.rotation, kept)


def test_an_optimisers_state_is_restored_in_place_and_no_other_taken() -> None:
    weights = [torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(2, 2))]
    optimizer = make_optimizer(weights, 0.1, CPU)
    assert all(torch.equal(each, torch.ones_like(each)) for each in weights)
    assert not any(each.any() for each in optimizer_tensors(optimizer))
    for each in weights:
        each.grad = torch.full_like(each, 2.0)
    optimizer.step()
    kept = [{name: value.clone() for name, value in state.items()} for state in optimizer_state(optimizer)]
    places = [tensor.data_ptr() for tensor in optimizer_tensors(optimizer)]
    optimizer.step()
    restore_optimizer(optimizer, kept)
    assert [tensor.data_ptr() for tensor in optimizer_tensors(optimizer)] == places
    for now, then in zip(optimizer_state(optimizer), kept, strict=True):
        assert all(torch.equal(now[name], value) for name, value in then.items())
    with pytest.raises(ValueError, match="exp_avg has the shape"):
        restore_optimizer(optimizer, kept[::-1])


def twenty_losses(training: Training) -> list[float]:
    """The sum of losses after each of twenty training steps, begun anew each epoch."""
    losses: list[float] = []
    while len(losses) < 20:
        training.train_epoch(
            lambda: False, lambda _: losses.append(float(training.program.meter.loss)), keep_none
        )
    return losses[:20]


@CUDA
@pytest.mark.parametrize("stage", ["pretrain", "finetune-random", "supervised-random"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_captured_steps_give_the_losses_of_their_eager_twin_for_twenty_steps(
    stage: str, precision: str, planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    told: list[list[float]] = []
    for captured in (True, False):
        compute = {"precision": precision, "cuda_graphs": captured, "deterministic": True}
        run = planned(stage, compute=compute, scale={"epochs": 8}, network={"architecture": "resnet18"})
        apply_compute_settings(run.profile.compute)
        splits = split_dataset(dataset, run.profile, run.stage_name)
        training = Training(run, splits, torch.device("cuda"), None)
        assert training.program.captures == captured
        told.append(twenty_losses(training))
    assert told[0] == told[1]


@CUDA
def test_a_kept_program_trains_the_next_run_to_the_losses_of_a_new_one(
    planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    device = torch.device("cuda")
    programs, told = Programs(device), []
    lent: list[Program] = []
    for seed in (1, 2):
        run = planned("pretrain", seed=seed, compute={"deterministic": True})
        apply_compute_settings(run.profile.compute)
        splits = split_dataset(dataset, run.profile, run.stage_name)
        with programs.lend(run, splits) as program:
            lent.append(program)
            training = Training(run, splits, device, None, program)
            told.append(training.train_epoch(lambda: False, lambda _: None, keep_none))
    assert lent[0] is lent[1]
    fresh = Training(run, splits, device, None).train_epoch(lambda: False, lambda _: None, keep_none)
    assert replace(told[1], seconds=0, images_per_second=0) == replace(fresh, seconds=0, images_per_second=0)
