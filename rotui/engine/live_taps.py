"""Convolutions of images so small that each output sees all of them: matrix products of their live taps.

At 32 px the ImageNet stem leaves `layer4` single pixels, where eight of the nine taps of a kernel only ever
meet padding. Their gradient is zero at every step, so that Adam never moves them: leaving them out of the
arithmetic and of the optimiser changes no number but by the order in which products are summed.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


@dataclass(frozen=True)
class Axis:
    """One axis of a convolution whose outputs all see the same pixels: the `seen` pixels, the `live` taps of
    the kernel, and for each output its first tap among those that are live."""

    seen: slice
    live: slice
    starts: tuple[int, ...]

    @property
    def pixels(self) -> int:
        """How many pixels are seen."""
        return int(self.seen.stop - self.seen.start)


def dense_axis(size: int, kernel: int, stride: int, padding: int) -> Axis | None:
    """The axis of `size` pixels under a `kernel` with its `stride` and zero `padding`; None where some output
    sees pixels that another does not."""
    outputs = range((size + 2 * padding - kernel) // stride + 1)
    windows = [
        range(max(0, output * stride - padding), min(size, output * stride - padding + kernel))
        for output in outputs
    ]
    if not windows or not windows[0] or any(window != windows[0] for window in windows):
        return None
    first_taps = [windows[0].start - (output * stride - padding) for output in outputs]
    seen = slice(windows[0].start, windows[0].stop)
    live = slice(min(first_taps), max(first_taps) + len(windows[0]))
    return Axis(seen, live, tuple(tap - live.start for tap in first_taps))


class _Unfolded(torch.autograd.Function):
    """The matrix of a convolution from its kernel: for each output position the window of taps it uses."""

    @staticmethod
    def forward(ctx: Any, kernel: Tensor, rows: Axis, columns: Axis) -> Tensor:
        """(O', kh, kw, I) to (outputs * O', seen pixels * I)."""
        ctx.axes, ctx.shape = (rows, columns), kernel.shape
        windows = [kernel[:, window[0], window[1]].flatten(1) for window in _windows(rows, columns)]
        return torch.cat(windows) if len(windows) > 1 else windows[0].contiguous()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Taps that several outputs use get the sum of their gradients."""
        rows, columns = ctx.axes
        channels_out, _, _, channels_in = ctx.shape
        windows = _windows(rows, columns)
        parts = gradient.reshape(len(windows), channels_out, rows.pixels, columns.pixels, channels_in)
        if len(windows) == 1:
            return parts[0], None, None
        kernel = gradient.new_zeros(ctx.shape)
        for part, window in zip(parts, windows, strict=True):
            kernel[:, window[0], window[1]] += part
        return kernel, None, None


def _windows(rows: Axis, columns: Axis) -> list[tuple[slice, slice]]:
    return [
        (slice(row, row + rows.pixels), slice(column, column + columns.pixels))
        for row in rows.starts
        for column in columns.starts
    ]


class LiveTapsConv2d(nn.Module):
    """A convolution without bias of images of one small size. `weight` (O, I, kh, kw) is the live part of its
    kernel; its state dict has the whole kernel, as torchvision's would, the dead taps as they were loaded.
    `rows` and `columns` say which taps are live.

    It maps (N, I, H, W) to (N, O, H', W') in channels-last order.
    """

    def __init__(self, whole: nn.Conv2d, rows: Axis, columns: Axis) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns
        self._taps = (slice(None), slice(None), rows.live, columns.live)
        self.whole: Tensor
        self.register_buffer("whole", whole.weight.detach().clone(), persistent=False)
        live = self.whole[self._taps].clone(memory_format=torch.channels_last)
        self.weight = nn.Parameter(live, requires_grad=whole.weight.requires_grad)

    def forward(self, images: Tensor) -> Tensor:
        """The convolution as one matrix product."""
        kernel = self.weight.permute(0, 2, 3, 1)
        matrix = _Unfolded.apply(kernel, self.rows, self.columns)
        seen = images[:, :, self.rows.seen, self.columns.seen].permute(0, 2, 3, 1).flatten(1)
        outputs = nn.functional.linear(seen, matrix)
        shape = (len(images), len(self.rows.starts), len(self.columns.starts), kernel.shape[0])
        return outputs.view(shape).permute(0, 3, 1, 2)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        del keep_vars
        whole = self.whole.clone()
        whole[self._taps] = self.weight.detach()
        destination[prefix + "weight"] = whole

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        del local_metadata
        name = prefix + "weight"
        whole = state_dict.get(name)
        if whole is None:
            missing_keys += [name] if strict else []
        elif whole.shape != self.whole.shape:
            error_msgs.append(f"{name} has the shape {tuple(whole.shape)}, not {tuple(self.whole.shape)}")
        else:
            with torch.no_grad():
                self.whole.copy_(whole)
                self.weight.copy_(whole[self._taps])
        if strict:
            unexpected_keys += [key for key in state_dict if key.startswith(prefix) and key != name]


def keep_live_taps(network: nn.Module, image_size: int) -> None:
    """Puts `LiveTapsConv2d` in the place of every convolution of `network`, float32 on the CPU, that sees all
    of its image when the network is given (N, 3, S, S) of `image_size` S px.

    To be called before the parameters are handed to an optimiser.
    """
    for name, (part, height, width) in _input_sizes(network, image_size).items():
        pads = [pad for pad in part.padding if isinstance(pad, int)]
        sizes = zip((height, width), part.kernel_size, part.stride, pads, strict=True)
        rows, columns = (dense_axis(*axis) for axis in sizes)
        if rows is not None and columns is not None:
            parent, _, own = name.rpartition(".")
            setattr(network.get_submodule(parent), own, LiveTapsConv2d(part, rows, columns))


def _input_sizes(network: nn.Module, image_size: int) -> dict[str, tuple[nn.Conv2d, int, int]]:
    """Height and width in pixels of what each plain convolution is given."""
    found: dict[str, tuple[nn.Conv2d, int, int]] = {}
    handles: list[RemovableHandle] = []

    def look(name: str, part: nn.Conv2d) -> None:
        def before(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            found[name] = (part, inputs[0].shape[-2], inputs[0].shape[-1])

        handles.append(part.register_forward_pre_hook(before))

    for name, part in network.named_modules():
        if isinstance(part, nn.Conv2d) and part.bias is None and part.groups == 1 and part.dilation == (1, 1):
            look(name, part)
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
