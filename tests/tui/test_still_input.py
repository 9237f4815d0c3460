"""A line of input: keys that come together act in their order, and its cursor stands still."""

import asyncio

import pytest
from textual.app import App, ComposeResult
from textual.events import Key

from rotui.tui.widgets.still_input import StillInput


class LineApp(App[None]):
    """A line alone."""

    def compose(self) -> ComposeResult:
        yield StillInput("77")


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("ctrl+u", "3"), "3"),
        (("home", "ctrl+k", "6"), "6"),
        (("end", "backspace", "8", "9", "left", "backspace"), "79"),
        (("end", "4", "5"), "7745"),
    ],
)
def test_keys_that_come_together_act_in_their_order(keys: tuple[str, ...], value: str) -> None:
    async def check() -> None:
        app = LineApp()
        async with app.run_test() as pilot:
            await pilot.pause()
            for key in keys:
                app.post_message(Key(key, key if len(key) == 1 else None))
            await pilot.pause()
            line = app.query_one(StillInput)
            assert (line.value, line.cursor_blink) == (value, False)

    asyncio.run(check())
