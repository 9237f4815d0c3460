"""Convolution kernels cut down to the taps that ever meet an image: the others only ever meet zero padding.

At 32 px the ImageNet stem leaves `layer4` single pixels, where eight of nine taps see nothing but padding.
Their gradient is zero at every step, so Adam never moves them; leaving them out changes no number but by the
order in which products are summed.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

Taps = tuple[slice, slice]
"""Rows and columns of a kernel."""


def live_taps(size: int, kernel: int, stride: int, padding: int) -> slice:
    """Which of the `kernel` taps along one axis of `size` pixels meet a pixel at any output position.

    All of them where the shorter kernel, with as much less padding on both sides, would not give the same
    output positions.
    """
    outputs = (size + 2 * padding - kernel) // stride + 1
    starts = [output * stride - padding for output in range(outputs)]
    live = [tap for tap in range(kernel) if any(0 <= start + tap < size for start in starts)]
    if not live:
        return slice(0, kernel)
    first, end = live[0], live[-1] + 1
    left = padding - first
    same = left >= 0 and (size + 2 * left - (end - first)) // stride + 1 == outputs
    return slice(first, end) if same else slice(0, kernel)


class LiveConv2d(nn.Conv2d):
    """A convolution without bias whose `weight` is the live part of its kernel.

    Its state dict has the whole kernel under the same name, as torchvision's would: dead taps keep the value
    that they were loaded with.
    """

    def __init__(self, whole: nn.Conv2d, taps: Taps) -> None:
        rows, columns = taps
        super().__init__(
            whole.in_channels,
            whole.out_channels,
            (rows.stop - rows.start, columns.stop - columns.start),
            stride=whole.stride,  # type: ignore[arg-type]  # a pair, as Conv2d keeps it
            padding=(int(whole.padding[0]) - rows.start, int(whole.padding[1]) - columns.start),
            bias=False,
            device="meta",
        )
        self._taps = (slice(None), slice(None), rows, columns)
        self._whole = whole.weight.detach()
        self.weight = nn.Parameter(self._live(self._whole), requires_grad=whole.weight.requires_grad)

    def _live(self, whole: Tensor) -> Tensor:
        return whole[self._taps].clone(memory_format=torch.contiguous_format)

    def _apply(self, fn: Any, recurse: bool = True) -> "LiveConv2d":
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._whole = fn(self._whole)
        return self

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        del keep_vars
        whole = self._whole.clone()
        whole[self._taps] = self.weight.detach()
        destination[prefix + "weight"] = whole

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        name = prefix + "weight"
        whole = state_dict.get(name)
        if whole is None or whole.shape != self._whole.shape:
            super()._load_from_state_dict(state_dict, prefix, *arguments)
            return
        self._whole.copy_(whole)
        with torch.no_grad():
            self.weight.copy_(whole[self._taps])


def keep_live_taps(network: nn.Module, image_size: int) -> None:
    """Cuts the convolutions of a float32 `network` on the CPU down to what images (N, 3, S, S) of
    `image_size` S px reach. To be called before its parameters are handed to an optimiser."""
    for name, (part, size) in _input_sizes(network, image_size).items():
        pads = [axis for axis in part.padding if isinstance(axis, int)]
        taps = tuple(
            live_taps(pixels, kernel, stride, padding)
            for pixels, kernel, stride, padding in zip(size, part.kernel_size, part.stride, pads, strict=True)
        )
        if any(axis.stop - axis.start < kernel for axis, kernel in zip(taps, part.kernel_size, strict=True)):
            parent, _, own = name.rpartition(".")
            setattr(network.get_submodule(parent), own, LiveConv2d(part, (taps[0], taps[1])))


def _input_sizes(network: nn.Module, image_size: int) -> dict[str, tuple[nn.Conv2d, tuple[int, int]]]:
    """Height and width in pixels of what each convolution is given."""
    found: dict[str, tuple[nn.Conv2d, tuple[int, int]]] = {}
    handles: list[RemovableHandle] = []

    def note(name: str, part: nn.Conv2d) -> None:
        def before(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            found[name] = (part, (inputs[0].shape[-2], inputs[0].shape[-1]))

        handles.append(part.register_forward_pre_hook(before))

    for name, part in network.named_modules():
        if isinstance(part, nn.Conv2d) and part.bias is None and part.groups == 1 and part.dilation == (1, 1):
            note(name, part)
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, image_size, image_size))
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    return found
