"""Decoder processes, one for each core, fed with messages from threads of this process.

Small images are bound by the interpreter lock (measured: 1.3 of 2 cores in threads on 32 px PNGs), so the
decoders are processes. They are plain children on pipes: one whose parent is gone reads the end of its
input and ends.
"""

import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

from rotui.cores import available_cores
from rotui.data.decoding import answer
from rotui.errors import DataError

IN_PROCESS_BELOW = 512
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from rotui.data.decoding import serve; serve()"
)


class Decoders:
    """Answers decoding messages on all cores, or in this process where there are few images."""

    def __init__(self, images: int) -> None:
        self._count = available_cores() if images >= IN_PROCESS_BELOW else 0
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            for _ in range(self._count):
                child = subprocess.Popen(
                    [sys.executable, "-P", "-c", _CHILD, json.dumps(sys.path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    encoding="ascii",
                    start_new_session=True,
                )
                starting.callback(_end, child)
                self._idle.put(child)
            self._closing = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def replies(
        self, messages: Sequence[dict[str, Any]]
    ) -> Generator[tuple[int, dict[str, Any]], None, None]:
        """Each message's number and reply, in the order they are ready. What has not begun is dropped when
        the iterator is closed. DataError if a decoder died."""
        if not self._count:
            for number, message in enumerate(messages):
                yield number, answer(message)
            return
        with ThreadPoolExecutor(self._count) as threads:
            futures = {threads.submit(self._ask, message): n for n, message in enumerate(messages)}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            finally:
                for future in futures:
                    future.cancel()

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        child = self._idle.get()
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            try:
                child.stdin.write(json.dumps(message) + "\n")
                child.stdin.flush()
                line = child.stdout.readline()
            except BrokenPipeError:
                line = ""
            if not line.endswith("\n"):
                raise DataError(f"a decoder process ended by itself with status {child.wait()}")
            reply: dict[str, Any] = json.loads(line)
            return reply
        finally:
            self._idle.put(child)


def _end(child: "subprocess.Popen[str]") -> None:
    child.terminate()
    child.communicate()
