"""How many runs are begun beside one another, on a device whose speed and memory the test makes up."""

from collections.abc import Callable

import pytest

from rotui.profile.schema import Profile
from rotui.study.planning import PlannedRun, Point, plan
from rotui.study.progress import FINE_TUNING_SHARE
from rotui.worker.lane_count import MOST_LANES, DeviceMemory, FixedCount, MeasuredCount, kind_of

GIBIBYTE = 1 << 30
TICK = 0.05


def a_run(stage: str = "supervised-random", **settings: object) -> PlannedRun:
    values = {"name": "a", "data": {"name": "cifar10"}, "stages": [stage], **settings}
    return plan([Point(Profile.model_validate(values))]).runs[0]


SMALL = a_run()
LARGE = a_run(network={"architecture": "resnet50"})


class Device:
    """Trains `total(lanes)` images a second, the same share in each lane; every run holds `size` bytes, also
    after its end where the device `keeps` them."""

    def __init__(
        self,
        total: Callable[[int], float],
        memory: int = 100 * GIBIBYTE,
        size: int = GIBIBYTE,
        *,
        keeps: bool = False,
    ):
        self.total, self.size, self.memory, self.keeps = total, size, memory, keeps
        self.most = 0
        self.now = 0.0
        self.lanes: dict[str, PlannedRun] = {}
        self.begun = 0
        self.count = MeasuredCount(lambda: self.now, self.told)

    def told(self) -> DeviceMemory:
        self.most = max(self.most, len(self.lanes))
        held = self.size * (self.most if self.keeps else len(self.lanes))
        return DeviceMemory(self.memory - held, self.memory, held)

    def begin(self, run: PlannedRun = SMALL) -> bool:
        """Begins a run, if one may."""
        if not self.count.has_room() or not self.count.fits(run):
            return False
        self.begun += 1
        name = f"{self.begun:04d}"
        self.lanes[name] = run
        self.count.begins(name, run)
        return True

    def end(self, name: str = "", *, out_of_memory: bool = False) -> None:
        name = name or next(iter(self.lanes))
        del self.lanes[name]
        self.count.ends(name, out_of_memory=out_of_memory)

    def train(self, seconds: float, run: PlannedRun = SMALL) -> int:
        """Lets time pass with as many lanes as may be; how many are at work then."""
        end = self.now + seconds
        while self.now < end:
            while self.begin(run):
                pass
            self.now += TICK
            for name in self.lanes:
                self.count.trained(name, round(self.total(len(self.lanes)) * TICK / len(self.lanes)))
        return len(self.lanes)


def levels_off(best: int) -> Callable[[int], float]:
    """Each lane up to the best number adds as much, and those after it nothing."""
    return lambda lanes: 1000.0 * min(lanes, best)


@pytest.mark.parametrize("best", [1, 2, 5])
def test_one_more_is_begun_as_long_as_the_total_rises(best: int) -> None:
    device = Device(levels_off(best))
    device.train(200)
    assert device.count.limit == best


def test_the_first_run_is_alone_until_it_was_measured() -> None:
    device = Device(levels_off(8))
    assert device.train(3) == 1
    assert device.train(20) > 1


def test_a_rise_too_small_does_not_count() -> None:
    device = Device(lambda lanes: 1000.0 + 40.0 * lanes)
    device.train(100)
    assert device.count.limit == 1


def test_the_run_on_trial_ends_in_its_lane_and_no_other_follows_it_there() -> None:
    device = Device(levels_off(2))
    assert device.train(60) == 3
    device.end()
    assert device.train(60) == 2
    for _ in range(4):
        device.end()
        assert device.train(20) == 2


def test_there_are_never_more_than_the_most() -> None:
    device = Device(levels_off(99))
    assert device.train(1000) == MOST_LANES
    assert device.count.limit == MOST_LANES


def test_no_run_is_begun_for_which_memory_is_too_small() -> None:
    device = Device(levels_off(99), memory=5 * GIBIBYTE)
    assert device.train(300) == 4
    device.end()
    assert device.train(300) == 4


def test_a_run_ended_for_want_of_memory_lowers_the_number_for_good() -> None:
    device = Device(levels_off(99))
    while device.train(10) < 5:
        pass
    device.end("0005", out_of_memory=True)
    assert device.train(300) == 4
    device.end()
    assert device.train(100, a_run(optimizer={"batch_size": 64})) == 4


def test_want_of_memory_of_a_run_alone_leaves_one_lane() -> None:
    device = Device(levels_off(3))
    device.train(2)
    device.end(out_of_memory=True)
    assert device.train(100) >= 3


def test_another_kind_of_run_is_measured_anew() -> None:
    device = Device(levels_off(2))
    device.train(60)
    device.end()
    device.train(60)
    device.total = levels_off(4)
    for _ in range(2):
        device.end()
        device.train(5, LARGE)
    device.train(200, LARGE)
    assert device.count.limit == 4


def test_runs_of_another_size_or_arithmetic_are_another_kind() -> None:
    others: list[dict[str, object]] = [
        {"network": {"architecture": "resnet50"}},
        {"network": {"stem": "cifar"}},
        {"network": {"width": 32}},
        {"data": {"name": "imagenette", "image_size": 160}},
        {"optimizer": {"batch_size": 64}},
        {"compute": {"precision": "bf16"}},
        {"rotation": {"per_step": "all"}},
    ]
    kinds = {kind_of(a_run("pretrain", **other)) for other in others}
    assert len({kind_of(SMALL), *kinds}) == len(others) + 1
    assert kind_of(a_run(seed=9, optimizer={"learning_rate": 0.5})) == kind_of(SMALL)


def test_stages_are_one_kind_whose_images_are_weighed() -> None:
    tuned = a_run("finetune-random")
    device = Device(lambda lanes: 1000.0 * (1.0 if lanes == 1 else 1 / FINE_TUNING_SHARE))
    device.train(7)
    assert device.count.limit == 2
    device.train(60, tuned)
    assert device.count.limit == 2


def test_more_images_of_a_cheaper_stage_are_no_rise() -> None:
    """A run alone trains 1000 images a second; beside it one of less than two thirds the cost trains 625."""
    device = Device(lambda lanes: 1000.0 if lanes == 1 else 1250.0)
    assert device.begin()
    assert device.train(60, a_run("finetune-random")) == 2
    assert device.count.limit == 1


def test_the_time_until_the_next_run_begins_does_not_count() -> None:
    device = Device(levels_off(2))
    assert device.train(10) == 2
    for _ in range(12):
        device.end()
        device.now += 10
        device.end()
        device.train(3)
        assert device.count.limit >= 2


@pytest.mark.parametrize("seconds", [3, 7, 10, 30])
def test_kinds_that_follow_one_another_do_not_raise_the_number_unmeasured(seconds: int) -> None:
    device = Device(levels_off(2))
    kinds = [a_run(optimizer={"batch_size": size}) for size in (32, 64, 128, 256)]
    for number in range(40):
        if device.lanes:
            device.end()
        device.train(seconds, kinds[number % 4])
        assert device.count.limit <= 3


def test_a_lane_is_taken_again_though_the_memory_of_its_run_was_not_given_back() -> None:
    device = Device(levels_off(99), memory=5 * GIBIBYTE, keeps=True)
    assert device.train(300) == 4
    for _ in range(4):
        device.end()
        assert device.train(20) == 4


def test_a_run_of_unknown_size_begins_beside_others_only_where_much_is_free() -> None:
    scarce, ample = Device(levels_off(9), memory=5 * GIBIBYTE), Device(levels_off(9))
    for device in (scarce, ample):
        while device.train(10) < 4:
            pass
        device.end()
    assert not scarce.begin(LARGE)
    assert ample.begin(LARGE)
    while scarce.lanes:
        scarce.end()
    assert scarce.begin(LARGE)


def test_short_runs_are_measured_with_the_time_it_takes_them_to_begin() -> None:
    """Each run trains for a second and takes about two more to begin: beside one another they fill gaps."""
    clock = [0.0]
    count = MeasuredCount(lambda: clock[0], lambda: DeviceMemory(99 * GIBIBYTE, 100 * GIBIBYTE, GIBIBYTE))
    began: dict[str, float] = {}
    number = 0

    def begins_in(name: str) -> float:
        return (1.0, 3.0, 1.5, 2.5, 2.0)[int(name) % 5]

    for tick in range(10_000):
        clock[0] = tick * 0.01
        for name, since in tuple(began.items()):
            if clock[0] - since > begins_in(name) + 1:
                count.ends(name, out_of_memory=False)
                del began[name]
        while count.has_room() and len(began) < 3 and count.fits(SMALL):
            name, number = str(number), number + 1
            began[name] = clock[0]
            count.begins(name, SMALL)
        busy = [name for name, since in began.items() if clock[0] - since > begins_in(name)]
        for name in busy:
            count.trained(name, 1000 // len(busy))
    assert count.limit > 1


def test_as_many_as_the_user_said() -> None:
    count = FixedCount(2)
    assert not count.is_one
    for name in "ab":
        assert count.has_room()
        count.begins(name, SMALL)
    assert not count.has_room()
    count.ends("a", out_of_memory=True)
    assert count.has_room()
    assert count.fits(LARGE)
    assert FixedCount(1).is_one
