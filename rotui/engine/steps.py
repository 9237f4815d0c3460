"""The steps of a pass over a split: on CUDA each is captured once in a graph and replayed, elsewhere it runs.

Where a pass stands, what it draws and what it sums up lie on the device at fixed places, so that a step takes
no argument and the host only says that there is another.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from rotui.engine.batches import Draws

WARM_UP_STEPS = 3
"""Steps before a capture, in which kernels are chosen and memory is set aside; they leave no trace."""
_CAPTURING = threading.Lock()
"""Held while steps are captured. Nobody may wait for the whole device meanwhile, in any thread, only for
a stream."""
_STEPS_AHEAD = 32
"""Steps that the host may be ahead of a CUDA device, so that a stop is soon obeyed and progress is true."""


class Steps:
    """Steps of one kind: `compute` is given the draws of one, `changed` lists every tensor that it changes.

    With `captures`, which needs CUDA, one graph is kept for each size of step, in the memory `pool` that it
    shares with what never runs at the same time. Both ways run the same code.
    """

    def __init__(
        self,
        device: torch.device,
        compute: Callable[[Draws], None],
        changed: Callable[[], Sequence[Tensor]],
        *,
        captures: bool,
        pool: Any = None,
    ) -> None:
        self._compute = compute
        self._changed = changed
        self._captures = captures
        self._pool = pool
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        self._ends: deque[torch.cuda.Event] = deque()
        self._draws: Draws | None = None
        self._position = torch.zeros((), dtype=torch.int64, device=device)
        self._numbers: dict[int, Tensor] = {}

    def begin(self, draws: Draws, done: int = 0) -> None:
        """Begins a pass over what `draws` holds, after the first `done` images of it. All passes of one
        object have as many."""
        if self._draws is None:
            self._draws = draws.copied(self._position.device)
        else:
            self._draws.take_over(draws)
        self._position.fill_(done)

    def take(self, images: int) -> None:
        """The next step, of as many `images`."""
        if images not in self._numbers:
            self._numbers[images] = torch.arange(images, device=self._position.device)
        if not self._captures:
            self._step(images)
        else:
            if images not in self._graphs:
                self._graphs[images] = self._captured(images)
            self._graphs[images].replay()
        if self._position.is_cuda:
            self._stay_close()

    def forget(self) -> None:
        """Lets go of all that it holds; it cannot be used any more."""
        self._graphs.clear()
        self._numbers.clear()
        self._draws = None
        self._compute, self._changed = _nothing, list

    def _stay_close(self) -> None:
        """Waits for the step so many before this one."""
        ended = torch.cuda.Event()
        ended.record()
        self._ends.append(ended)
        if len(self._ends) > _STEPS_AHEAD:
            self._ends.popleft().synchronize()

    def _step(self, images: int) -> None:
        assert self._draws is not None
        self._compute(self._draws.at(self._position + self._numbers[images]))
        self._position += images

    def _captured(self, images: int) -> torch.cuda.CUDAGraph:
        """The graph of a step; everything is as it was before. It is captured on the lane's own stream, which
        nobody else uses, for PyTorch gives streams out more than once."""
        device = self._position.device
        changed = [*self._changed(), self._position]
        kept = [each.clone() for each in changed]
        graph = torch.cuda.CUDAGraph()
        with _CAPTURING, torch.cuda.device(device):
            lane = torch.cuda.current_stream(device)
            stream = _side_stream(device) if lane == torch.cuda.default_stream(device) else lane
            stream.wait_stream(lane)
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP_STEPS):
                    self._position.copy_(kept[-1])
                    self._step(images)
            stream.synchronize()
            with torch.cuda.graph(graph, pool=self._pool, stream=stream, capture_error_mode="thread_local"):
                self._step(images)
            lane.wait_stream(stream)
        for tensor, before in zip(changed, kept, strict=True):
            tensor.copy_(before)
        return graph


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream of those who capture on the default stream, which cannot be captured; asked for under the
    lock."""
    return torch.cuda.Stream(device)


def _nothing(drawn: Draws) -> None:
    del drawn
