"""A device is the one that was asked for, or an error says why not."""

import os
from collections.abc import Iterator

import pytest
import torch

from rotui.engine.device import apply_compute_settings, describe_device, resolve_device
from rotui.errors import DeviceError, ExitCode, InputError
from rotui.profile.schema import ComputeSettings

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
with_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")


@pytest.fixture
def _switches_put_back() -> Iterator[None]:
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def test_the_cpu_is_always_there() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert describe_device(torch.device("cpu")) == "cpu"


@without_cuda
def test_auto_is_the_cpu_where_there_is_no_cuda() -> None:
    assert resolve_device("auto") == torch.device("cpu")


@with_cuda
def test_auto_is_the_first_cuda_device() -> None:
    assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda:0")


@with_cuda
def test_a_cuda_device_beyond_the_last_is_an_error() -> None:
    with pytest.raises(DeviceError, match=r"cuda:99: this machine has \d+ CUDA device"):
        resolve_device("cuda:99")


@without_cuda
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:7"])
def test_cuda_that_is_absent_is_an_error_with_the_reason(name: str) -> None:
    with pytest.raises(DeviceError, match=rf"--device {name}: .*\w{{4}}.* \(auto or cpu") as caught:
        resolve_device(name)
    assert caught.value.exit_code == ExitCode.DEVICE
    reason = str(caught.value)
    assert any(word in reason for word in ("without CUDA", "driver", "CUDA device", "CUDA GPUs"))
    assert "\n" not in reason


@pytest.mark.parametrize(
    "name",
    ["", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:x", "cuda:1000", "cuda:0\n", " cpu", "mps", "\x1b[31m"],
)
def test_an_unknown_name_is_bad_input_that_names_what_is_allowed(name: str) -> None:
    with pytest.raises(InputError, match="auto, cpu, cuda or cuda:N") as caught:
        resolve_device(name)
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert "\x1b" not in str(caught.value)


@pytest.mark.usefixtures("_switches_put_back")
def test_threads_are_those_asked_for_or_one_for_each_available_core() -> None:
    assert apply_compute_settings(ComputeSettings(threads=1)) == torch.get_num_threads() == 1
    cores = len(os.sched_getaffinity(0))
    assert apply_compute_settings(ComputeSettings()) == torch.get_num_threads() == cores


@pytest.mark.usefixtures("_switches_put_back")
def test_deterministic_mode_is_the_runs_own() -> None:
    apply_compute_settings(ComputeSettings(threads=1, deterministic=True))
    assert torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    apply_compute_settings(ComputeSettings(threads=1))
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.benchmark
