"""One widget alone in an app, of the size and with the keys that a test wants."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget


class WidgetApp(App[None]):
    """An app of one widget."""

    def __init__(self, widget: Widget, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._widget = widget
        self.set_keymap(keymap)

    def compose(self) -> ComposeResult:
        yield self._widget


def alone(
    widget: Widget,
    check: Callable[[Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
    keymap: Mapping[str, str] | None = None,
) -> list[Message]:
    """Runs `check` with the focused widget on a screen of `size`; what was posted meanwhile."""
    posted: list[Message] = []

    def record(message: Message) -> None:
        if not any(message is each for each in posted):
            posted.append(message)

    async def run() -> None:
        app = WidgetApp(widget, keymap or {})
        async with app.run_test(size=size, message_hook=record) as pilot:
            if widget.can_focus:
                widget.focus()
            await pilot.pause()
            await check(pilot)

    asyncio.run(run())
    return posted


@pytest.fixture(name="alone")
def alone_fixture() -> Callable[..., list[Message]]:
    """`alone`, which test modules cannot import from here."""
    return alone


def lines(widget: Any) -> list[str]:
    """What stands on the lines of a widget."""
    return [widget.render_line(y).text for y in range(widget.size.height)]


@pytest.fixture(name="lines")
def lines_fixture() -> Callable[[Any], list[str]]:
    """`lines`, likewise."""
    return lines
