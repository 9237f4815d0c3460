"""The steps of a pass over a split: on CUDA each is captured once in a graph and replayed, elsewhere it runs.

Where a pass stands, what it draws and what it sums up lie on the device at fixed places, so that a step takes
no argument and the host only says that there is another.
"""

import threading
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rotui.engine.batches import Draws

WARM_UP_STEPS = 3
"""Steps before a capture, in which kernels are chosen and memory is set aside; they leave no trace."""
_CAPTURING = threading.Lock()


class Steps:
    """Steps of one kind: `compute` is given the draws of one, `changed` lists every tensor that it changes.

    With `captures`, which needs CUDA, one graph is kept for each size of step. Both ways run the same code.
    """

    def __init__(
        self,
        device: torch.device,
        compute: Callable[[Draws], None],
        changed: Callable[[], Sequence[Tensor]],
        *,
        captures: bool,
    ) -> None:
        self._compute = compute
        self._changed = changed
        self._captures = captures
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
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
            return
        if images not in self._graphs:
            self._graphs[images] = self._captured(images)
        self._graphs[images].replay()

    def _step(self, images: int) -> None:
        assert self._draws is not None
        self._compute(self._draws.at(self._position + self._numbers[images]))
        self._position += images

    def _captured(self, images: int) -> torch.cuda.CUDAGraph:
        """The graph of a step, captured on a stream of its own; everything is as it was before."""
        changed = [*self._changed(), self._position]
        kept = [each.clone() for each in changed]
        stream = torch.cuda.Stream(self._position.device)
        stream.wait_stream(torch.cuda.current_stream(self._position.device))
        graph = torch.cuda.CUDAGraph()
        with _CAPTURING:
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP_STEPS):
                    self._position.copy_(kept[-1])
                    self._step(images)
            stream.synchronize()
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                self._step(images)
        torch.cuda.current_stream(self._position.device).wait_stream(stream)
        for tensor, before in zip(changed, kept, strict=True):
            tensor.copy_(before)
        return graph
