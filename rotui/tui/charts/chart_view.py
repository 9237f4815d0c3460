"""Which part of the x axis a chart shows."""

from dataclasses import dataclass, replace

Range = tuple[float, float]


@dataclass(frozen=True)
class View:
    """A share of the whole axis that ends at `right`; without one it ends where the curves do, and so follows
    what comes."""

    zoom: float = 1.0
    right: float | None = None

    def shown(self, whole: Range) -> Range:
        """From where to where the axis goes, where the curves go over `whole`."""
        low, high = _wide(whole)
        span = (high - low) / self.zoom
        right = high if self.right is None else min(max(self.right, low + span), high)
        return right - span, right

    def zoomed(self, factor: float, whole: Range, *, most: float, around: float | None = None) -> "View":
        """That many times closer, at most `most`; `around` stays at its place on the screen."""
        view = replace(self, zoom=min(max(self.zoom * factor, 1.0), max(most, 1.0)))
        if view.zoom == 1.0:
            return View()
        if around is None:
            return view
        low, high = self.shown(whole)
        new_low, new_high = view.shown(whole)
        return view._ending(around + (new_high - new_low) * (high - around) / (high - low), whole)

    def panned(self, direction: int, whole: Range) -> "View":
        """Moved by a quarter of what is shown."""
        low, high = self.shown(whole)
        return self._ending(high + direction * (high - low) / 4, whole)

    def with_in_it(self, x: float, whole: Range) -> "View":
        """Moved so that x is in the middle, if it was not in view."""
        low, high = self.shown(whole)
        return self if low <= x <= high else self._ending(x + (high - low) / 2, whole)

    def _ending(self, right: float, whole: Range) -> "View":
        low, high = _wide(whole)
        if right >= high:
            return replace(self, right=None)
        return replace(self, right=max(right, low + (high - low) / self.zoom))


def _wide(whole: Range) -> Range:
    low, high = whole
    return (low, high) if low < high else (low - 0.5, high + 0.5)
