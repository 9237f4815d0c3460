"""Times this program's training through its public interface, on made-up pictures."""

import time
from threading import Barrier, Thread

import torch

from rotui.benchmark.cases import WARM_UP, Case, Timing
from rotui.benchmark.device_clock import synchronise
from rotui.benchmark.made_up import image_set, splits
from rotui.benchmark.memory import bytes_now, device_peak_bytes, peak_bytes
from rotui.data.images import ImageSet
from rotui.engine.batches import training_draws
from rotui.engine.device import apply_compute_settings
from rotui.engine.training import Progress, Training, ignore, keep_none, never
from rotui.profile.schema import Profile
from rotui.study.planning import PlannedRun
from rotui.study.records import EpochRecord


def planned_run(case: Case, seed: int = 42) -> PlannedRun:
    """The run whose steps are timed: the published settings but for those of the case."""
    stage = "pretrain" if case.stage == "pretrain" else "finetune-random"
    profile = Profile.model_validate(
        {
            "name": "bench",
            "stages": [stage],
            "seed": seed,
            "data": {"name": "folder", "path": "made-up", "image_size": case.size},
            "network": {"architecture": case.network},
            "optimizer": {"batch_size": case.batch},
            "compute": {"precision": case.precision, "threads": case.threads},
        }
    )
    return PlannedRun("bench", stage, profile)  # type: ignore[arg-type]  # one of the stages' names


def validation_images(case: Case) -> int:
    """How many images are judged after an epoch."""
    return 10_000 if case.device != "cpu" and case.size <= 32 else 2 * case.batch


def time_training(case: Case) -> Timing:
    """Times the steps of one training, then what reading their batches takes, and the floor. On CUDA a whole
    epoch is the warm-up: kernels are chosen in it, and graphs recorded."""
    device = torch.device(case.device)
    run = planned_run(case)
    apply_compute_settings(run.profile.compute)
    train = image_set(case.pool_images, case.size, seed=0)
    validation = image_set(validation_images(case), case.size, seed=1)
    begun = bytes_now()
    warm_up = 0 if device.type == "cuda" else WARM_UP
    training = Training(
        run, splits(train, validation, case.epoch_images + warm_up * case.batch), device, None
    )
    if device.type == "cuda":
        training.train_epoch(never, ignore, keep_none)
        record = training.train_epoch(never, ignore, keep_none)
        images, seconds = case.epoch_images, case.epoch_images / record.images_per_second
    else:
        watch = _Watch(warm_up)
        record = training.train_epoch(never, watch, keep_none)
        images, seconds = watch.images, watch.seconds
    peak, on_device = peak_bytes(), device_peak_bytes(device)
    from rotui.benchmark.floor import floor_seconds  # counting takes memory that training does not

    seen, data_seconds, batch = _read_batches(training, case)
    return Timing(
        images=images,
        steps=images // case.batch,
        seconds=seconds,
        begun_bytes=begun,
        peak_bytes=peak,
        device_bytes=on_device,
        data_seconds=data_seconds * images / seen,
        floor_seconds=floor_seconds(training.network, *batch, _trained(training), case.precision),
        evaluation_seconds=_evaluation_seconds(record, case, warm_up),
    )


def time_runs(case: Case) -> Timing:
    """Times several trainings, at once in threads and in a row in each; each trains one epoch."""
    device = torch.device(case.device)
    apply_compute_settings(planned_run(case).profile.compute)
    train = image_set(case.pool_images, case.size, seed=0)
    validation = image_set(case.batch, case.size, seed=1)
    begun = bytes_now()
    warm = splits(train, validation, min(WARM_UP, case.steps) * case.batch)
    Training(planned_run(case), warm, device, None).train_epoch(never, ignore, keep_none)
    lanes = [_Lane(case, number, train, validation, device) for number in range(case.at_once)]
    barrier = Barrier(case.at_once + 1)
    if not case.with_building:
        for lane in lanes:
            lane.build(0)
    threads = [Thread(target=lane.train, args=(barrier,), daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    synchronise(device)
    seconds = time.perf_counter() - started
    for lane in lanes:
        if lane.error is not None:
            raise lane.error
    steps = case.steps * case.at_once * case.in_a_row
    return Timing(
        images=steps * case.batch,
        steps=steps,
        seconds=seconds,
        begun_bytes=begun,
        peak_bytes=peak_bytes(),
        device_bytes=device_peak_bytes(device),
    )


class _Lane:
    """One of the trainings that go on at once, in a thread and on CUDA in a stream of its own."""

    def __init__(
        self, case: Case, number: int, train: ImageSet, validation: ImageSet, device: torch.device
    ) -> None:
        self.error: BaseException | None = None
        self._case, self._number, self._device = case, number, device
        self._splits = splits(train, validation, case.epoch_images)
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._built: Training | None = None

    def build(self, number: int) -> Training:
        """Makes the training that is `number` in the row, warm on CUDA unless building counts."""
        seed = self._number * self._case.in_a_row + number
        with torch.cuda.stream(self._stream):
            training = Training(planned_run(self._case, seed), self._splits, self._device, None)
            if self._stream is not None and not self._case.with_building:
                training.train_epoch(never, ignore, keep_none)
        if self._stream is not None:
            self._stream.synchronize()
        self._built = training
        return training

    def train(self, barrier: Barrier) -> None:
        """Waits for the others, then trains its row; an error is kept."""
        try:
            if self._case.threads and self._device.type == "cpu":
                torch.set_num_threads(self._case.threads)
            barrier.wait()
            with torch.cuda.stream(self._stream):
                for number in range(self._case.in_a_row):
                    training, self._built = self._built or self.build(number), None
                    training.train_epoch(never, ignore, keep_none)
        except BaseException as error:  # noqa: BLE001  # raised where the threads are joined
            self.error = error


class _Watch:
    """An observer that takes the time from the end of the warm-up on."""

    def __init__(self, warm_up: int) -> None:
        self._warm_up = warm_up
        self._started = self._ended = 0.0
        self.images = 0

    def __call__(self, progress: Progress) -> None:
        """Takes note of a step that ended."""
        now = time.perf_counter()
        if progress.step <= self._warm_up:
            self._started = now
        else:
            self.images += progress.images
            self._ended = now

    @property
    def seconds(self) -> float:
        """What the steps after the warm-up took."""
        return self._ended - self._started


def _read_batches(training: Training, case: Case) -> tuple[int, float, tuple[torch.Tensor, torch.Tensor]]:
    """Images read, the seconds that it took to read and prepare them as in training, and the last batch."""
    profile, program = training.profile, training.program
    count = profile.rotation.count if program.training.rotations else 1
    draws = training_draws(profile.seed, 0, len(program.train), case.epoch_images, count)
    batches = program.train.batches(draws, case.batch, program.training)
    synchronise(training.device)
    started = time.perf_counter()
    seen = 0
    for batch in batches:
        seen += len(batch[1])
    synchronise(training.device)
    return seen, time.perf_counter() - started, batch


def _trained(training: Training) -> list[torch.Tensor]:
    return [each for group in training.optimizer.param_groups for each in group["params"]]


def _evaluation_seconds(record: EpochRecord, case: Case, warm_up: int) -> float:
    trained = case.epoch_images + warm_up * case.batch
    return max(0.0, record.seconds - trained / record.images_per_second) / validation_images(case)
