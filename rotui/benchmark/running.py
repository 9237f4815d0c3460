"""Measurements in processes of their own, in rounds, so that the machine's drift hits all cases alike."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from rotui.benchmark.cases import Case, Place, Timing
from rotui.errors import DeviceError, ExitCode, InputError, RunFailedError, StoppedError

_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from rotui.benchmark.case import main; main()"
)
_POLL_SECONDS = 0.1
_ERRORS = {ExitCode.BAD_INPUT: InputError, ExitCode.DEVICE: DeviceError}


@dataclass
class Measured:
    """A case with what each round measured of it; `failure` says why there are no more rounds."""

    case: Case
    timings: list[Timing] = field(default_factory=list)
    failure: str = ""


@dataclass(frozen=True)
class Step:
    """A measurement that begins: the `number`th of `total`."""

    number: int
    total: int
    name: str


def measure_in_rounds(
    cases: Sequence[Case], repeats: int, stop: Callable[[], bool]
) -> Iterator[Step | list[Measured]]:
    """Yields each measurement before it begins, and at the end all that was measured.

    A case that fails is told of in its `failure` and left out of later rounds. Raises StoppedError.
    """
    measured = [Measured(case) for case in cases]
    for number in range(repeats):
        in_turn = measured if number % 2 == 0 else measured[::-1]
        for place, each in enumerate(in_turn):
            if each.failure:
                continue
            yield Step(number * len(cases) + place + 1, repeats * len(cases), each.case.name)
            try:
                each.timings.append(Timing(**ask(each.case.to_json(), stop)))
            except RunFailedError as error:
                each.failure = str(error)
    yield measured


def look_at(device: str, threads: int, stop: Callable[[], bool]) -> Place:
    """The device of that name here; InputError or DeviceError where there is none."""
    return Place(**ask({"look": device, "threads": threads}, stop))


def ask(request: dict[str, Any], stop: Callable[[], bool]) -> dict[str, Any]:
    """The answer of a process of its own. It and all that it started are gone when this returns or raises:
    StoppedError when `stop` says so, RunFailedError where the process failed."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _CHILD, json.dumps(sys.path), json.dumps(request)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the group
    )
    try:
        out, err = _waited(process, stop)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return _answer(out, err, process.returncode)


def _waited(process: "subprocess.Popen[str]", stop: Callable[[], bool]) -> tuple[str, str]:
    while True:
        try:
            return process.communicate(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if stop():
                raise StoppedError("stopped before all was measured") from None


def _answer(out: str, err: str, code: int) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(out)
    except ValueError:
        last = err.strip().splitlines()[-1:] or ["nothing was said"]
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        raise RunFailedError(f"the process that measured ended ({how}): {last[0]}") from None
    if "error" in answer:
        raise _ERRORS.get(answer["exit_code"], RunFailedError)(answer["error"])
    return answer
