"""From a key to the bytes that show its effect, at rest and while the console trains at full load."""

import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

from figures import Figure
from recording import Amount, main
from screen import Screen
from terminal import Holds, Terminal
from workplace import TINY, filled

from rotui.tui.widgets.filter_line import PLACEHOLDER

NAME = "keys"
AT_REST = "at rest"
FEW = 50
TYPED = "qzjxqzjx"
"""Text that stands nowhere else on the screen, from its second character on."""

BRAILLE = {chr(sign) for sign in range(0x2801, 0x2900)}
"""The signs that curves are drawn of."""

Values = dict[str, list[float]]
Cells = dict[tuple[int, int], str]
"""The sign at each column and line of a screen."""


def measure(amount: Amount) -> list[Figure]:
    """Milliseconds of each kind of key: at rest, and with trainings of one thread and of two."""
    taken: dict[str, Values] = {}
    conditions = {
        AT_REST: (0, FEW),
        "training, 1 thread": (1, FEW),
        "training, 2 threads": (2, FEW),
        f"training, 1 thread, {amount.runs} runs": (1, amount.runs),
    }
    options = ("--fresh", *TINY) if amount.smallest else ("--fresh",)
    for condition in ["training, 1 thread"] if amount.smallest else conditions:
        threads, made = conditions[condition]
        workplace = filled(amount.folder, made)
        training = workplace.queue_training(100_000, threads, *options) if threads else None
        with workplace.console(*(() if threads else ("--watch-only",))) as console:
            taken[condition] = _press(console, training, amount.times(100))
        if training is not None:
            rmtree(training)
    figures: list[Figure] = []
    for kind in next(iter(taken.values())):
        plain = None
        for condition, values in taken.items():
            told = Figure(NAME, f"{kind}, {condition}", tuple(values[kind]), "ms", plain, 60, "p95")
            figures.append(told)
            plain = plain or told
    return figures


def _press(console: Terminal, training: Path | None, times: int) -> Values:
    """What each kind of key took, in a console that has begun to train this run."""
    console.until(lambda screen: "quick" in screen.text and screen.cursors)
    if training is not None:
        metrics = training / "metrics.csv"
        console.until(lambda _: len(metrics.read_text("utf-8").splitlines()) > 2)
        console.until(lambda screen: BRAILLE.intersection(screen.text))
    taken: Values = defaultdict(list)
    pause = random.Random(1)

    def answer(kind: str, keys: str, holds: Holds) -> None:
        taken[kind].append(console.answer(keys, holds))

    def rest() -> None:
        console.watch(pause.uniform(0.03, 0.2))

    console.watch(1.0)
    at_console = _cells(console.screen)
    console.send("3")
    console.watch(2.0)
    at_runs = _cells(console.screen)
    to_console, to_runs = _differences(at_runs, at_console), _differences(at_console, at_runs)
    for _ in range(times):
        rest()
        answer("place 3 to 1", "1", to_console)
        rest()
        answer("place 1 to 3", "3", to_runs)
    for number in range(times):
        key = "j" if number // 10 % 2 == 0 else "k"
        rest()
        answer("cursor in the runs", key, _cursor_moved(console.screen, 1 if key == "j" else -1))
    typed = TYPED[:2]
    console.send("/")
    console.watch(0.3)
    console.send(typed)
    console.watch(0.5)
    for number in range(times):
        rest()
        before = typed
        if number // (len(TYPED) - 2) % 2 == 0:
            typed += TYPED[len(typed)]
            answer("typing in the filter", typed[-1], _shows(typed, before))
        else:
            typed = typed[:-1]
            answer("deleting in the filter", "\x7f", _shows(typed, before))
    console.send("\x1b")
    console.until(lambda screen: PLACEHOLDER in screen.text)
    console.send("1")
    console.until(to_console)
    _focus_queue(console)
    for number in range(times):
        key = "j" if number // 4 % 2 == 0 else "k"
        rest()
        answer("cursor in the queue", key, _cursor_moved(console.screen, 1 if key == "j" else -1))
    return taken


def _shows(typed: str, before: str) -> Holds:
    if len(typed) > len(before):
        return lambda screen: typed in screen.text
    return lambda screen: before not in screen.text and typed in screen.text


def _cursor_moved(screen: Screen, rows: int) -> Holds:
    """The sign of the cursor stands this many lines below where it is now, and nowhere else."""
    [(now, _)] = screen.cursors
    return lambda screen: [line for line, _ in screen.cursors] == [now + rows]


def _focus_queue(console: Terminal) -> None:
    """Has the keys go to the table of the queue, wherever it is in the order of what takes keys."""
    for _ in range(6):
        console.send("\t")
        console.watch(0.3)
        before = console.screen.cursors
        console.send("j")
        console.watch(0.5)
        if len(before) == len(console.screen.cursors) == 1 and console.screen.cursors != before:
            console.send("k")
            console.watch(0.5)
            return
    raise RuntimeError(f"no tab leads to the queue; the screen shows\n{console.screen.text}")


def _cells(screen: Screen) -> Cells:
    return {(x, y): sign for y, line in enumerate(screen.lines) for x, sign in enumerate(line)}


def _differences(before: Cells, after: Cells) -> Callable[[Screen], bool]:
    """Whether the cells by which the two tell apart are as they are afterwards, but for a few that count.

    Lines with curves are not compared, for those grow, nor the line below them, where ticks may stand; where
    there were curves afterwards, there have to be some.
    """
    curved = {y for (_, y), sign in after.items() if sign in BRAILLE}
    apart = curved | {y + 1 for y in curved}
    telling = {
        place: sign for place, sign in after.items() if before[place] != sign and place[1] not in apart
    }

    def holds(screen: Screen) -> bool:
        lines = screen.lines
        alike = sum(lines[y][x] == sign for (x, y), sign in telling.items())
        drawn = not curved or any(sign in BRAILLE for y in curved for sign in lines[y])
        return drawn and alike > 0.9 * len(telling)

    return holds


if __name__ == "__main__":
    main({NAME: measure})
