"""Runs rotui's command line in real processes of their own, forked from one that has imported it and decoded
the digits already.

Reads one JSON object a line on stdin (number, arguments or a function to call instead, environment, working
directory, log, seconds after which to kill). Answers with one line when the process began and one when it
ended. Any number may run at once; those that still do when stdin closes are killed.
"""

import contextlib
import functools
import importlib
import json
import os
import pkgutil
import select
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

import pandas
import sklearn.datasets
import sklearn.model_selection
import torch
import torchvision

import rotui.data.digits
from rotui.cli.main import main

for package in ("cli", "data", "engine", "profile", "results", "store", "study", "worker"):
    for module in pkgutil.iter_modules([f"{rotui.__path__[0]}/{package}"], f"rotui.{package}."):
        importlib.import_module(module.name)
del pandas, sklearn, torch, torchvision
rotui.data.digits.load_digits = functools.cache(rotui.data.digits.load_digits)
rotui.data.digits.load_digits()


LONGEST_SECONDS = 600
"""After which a process ends whatever has become of the server that began it."""


class Server:
    """The processes that are under way, by process id."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._deadlines: dict[int, float] = {}
        self._unread = b""
        self._woken, wake = os.pipe()
        for descriptor in (self._woken, wake):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)

    def serve(self) -> None:
        """Begins and reaps processes until stdin closes."""
        while True:
            now = time.monotonic()
            for process in [each for each, deadline in self._deadlines.items() if deadline <= now]:
                del self._deadlines[process]
                os.kill(process, signal.SIGKILL)
            wait = min(self._deadlines.values(), default=now + 60) - now
            ready, _, _ = select.select([0, self._woken], [], [], max(0.0, wait))
            if self._woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
            self._reap()
            if 0 in ready and not self._read():
                break
        for process in self._numbers:
            os.kill(process, signal.SIGKILL)

    def _read(self) -> bool:
        received = os.read(0, 1 << 16)
        *lines, self._unread = (self._unread + received).split(b"\n")
        for line in lines:
            self._begin(json.loads(line))
        return bool(received)

    def _begin(self, command: dict[str, Any]) -> None:
        if command["function"]:
            importlib.import_module(command["function"].partition(":")[0])
        process = os.fork()
        if process == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            become(command)
        self._numbers[process] = command["number"]
        if command["kill_after"] is not None:
            self._deadlines[process] = time.monotonic() + command["kill_after"]
        _answer({"number": command["number"], "process": process})

    def _reap(self) -> None:
        for process in list(self._numbers):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                self._deadlines.pop(process, None)
                code = os.waitstatus_to_exitcode(status)
                _answer({"number": self._numbers.pop(process), "code": code})


def become(command: Mapping[str, Any]) -> None:
    """Turns this process into `rotui ARGUMENTS...` or into a call of a function, its output in the log."""
    os.environ.update(command["environment"])
    os.chdir(command["folder"])
    log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    null = os.open(os.devnull, os.O_RDONLY)
    for stream, target in ((0, null), (1, log), (2, log)):
        os.dup2(target, stream)
    signal.alarm(LONGEST_SECONDS)
    code = 1
    try:
        if command["function"]:
            module, _, name = command["function"].partition(":")
            getattr(sys.modules[module], name)(*command["arguments"])
        else:
            sys.argv = ["rotui", *command["arguments"]]
            main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001  # the process ends here, and its log tells why
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _answer(values: Mapping[str, int]) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    Server().serve()
    os._exit(0)  # taking all that was imported down again would cost two seconds
