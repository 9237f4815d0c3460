"""The table of thousands of runs: opened from a fresh console, paged, filtered and sorted."""

import random
import time
from collections import defaultdict
from pathlib import Path

from figures import Figure, Measure
from recording import Amount, main
from screen import Screen
from terminal import Holds, Terminal
from workplace import Workplace, filled

from rotui.store.filtering import Filter
from rotui.store.listing import ListedRun
from rotui.store.session import look
from rotui.tui.widgets.filter_line import PLACEHOLDER

NAME = "many-runs"
OPENED, PLACE, SNAPSHOT = (
    "key 3 at the first frame",
    "key 3, runs read",
    "from the command to runs in the queue",
)
PAGE, FILTER, NARROW = "a page", "first character of a filter", "another character"
SORT, LOOK = "sort", "look (in a process of its own)"
PROMISES: dict[str, tuple[float, Measure]] = {
    **dict.fromkeys((SNAPSHOT, OPENED, PLACE), (1000.0, "median")),
    **dict.fromkeys((PAGE, FILTER, NARROW, SORT), (60.0, "p95")),
}
FEW = 50

Values = dict[str, list[float]]


def measure(amount: Amount) -> list[Figure]:
    """Milliseconds with a full table, set against those with a table of a few runs."""
    taken: dict[int, Values] = {FEW: defaultdict(list), amount.runs: defaultdict(list)}
    if amount.smallest:
        del taken[FEW]
    for _ in range(amount.times(5)):
        for count, values in taken.items():
            _open(filled(amount.folder, count), values)
    for count, values in taken.items():
        _use(filled(amount.folder, count), values, amount.times(60))
    figures: list[Figure] = []
    for case in taken[amount.runs]:
        plain = None
        for count, values in taken.items():
            promise, promised = PROMISES.get(case, (None, "median"))
            told = Figure(NAME, f"{case}, {count} runs", tuple(values[case]), "ms", plain, promise, promised)
            figures.append(told)
            plain = plain or told
    return figures


def _open(workplace: Workplace, taken: Values) -> None:
    """Opens the console twice: going to the runs at once, and once they are known."""
    newest = _runs(workplace.runs)[-1].number
    with workplace.console("--watch-only") as console:
        first = console.until(_painted)
        console.send("3")
        taken[OPENED].append((console.until(_cursor_on(newest)) - first) * 1000)
    with workplace.console("--watch-only") as console:
        taken[SNAPSHOT].append((console.until(_queue_shown) - console.started) * 1000)
        console.watch(1.0)
        taken[PLACE].append(console.answer("3", _cursor_on(newest)))


def _use(workplace: Workplace, taken: Values, times: int) -> None:
    """Pages, filters and sorts in one console."""
    begun = time.perf_counter()
    runs = _runs(workplace.runs)
    taken[LOOK].append((time.perf_counter() - begun) * 1000)
    pause = random.Random(1)
    pages = min(20, len(runs) // 20)  # down, and as many up again
    with workplace.console("--watch-only") as console:
        console.until(_queue_shown)
        console.send("3")
        console.until(_cursor_on(runs[-1].number))
        console.watch(1.0)
        for number in range(times):
            console.watch(pause.uniform(0.03, 0.2))
            was = console.screen.cursors[-1][1]
            key = "\x1b[6~" if number // pages % 2 == 0 else "\x1b[5~"
            taken[PAGE].append(console.answer(key, _cursor_off(was)))
        for number in range(times):
            _filter(console, runs, taken, str(number % 9 + 1), str(number % 7 + 1))
        for _ in range(times):
            console.send("g")
            console.watch(pause.uniform(0.2, 0.3))
            top = _numbers(console.screen)[0]
            taken[SORT].append(console.answer("s", lambda screen, top=top: _numbers(screen)[-1:] == [top]))


def _filter(console: Terminal, runs: list[ListedRun], taken: Values, *digits: str) -> None:
    """Types the digits into the empty filter, and clears it again."""
    console.send("g/")
    console.watch(0.2)
    text = ""
    for case, digit in zip((FILTER, NARROW), digits, strict=True):
        text += digit
        fits = Filter.parse(text).fits
        expected = [run.number for run in reversed(runs) if fits(run)][:5]
        if _numbers(console.screen)[:5] != expected:
            taken[case].append(
                console.answer(digit, lambda screen, rows=expected: _numbers(screen)[:5] == rows)
            )
        else:
            console.send(digit)
            console.watch(0.1)
    console.send("\x1b")  # with the next key close behind it would be another key
    console.until(lambda screen: PLACEHOLDER in screen.text)


def _numbers(screen: Screen) -> list[int]:
    """The numbers of the runs whose rows are on the screen, from above."""
    words = [line.replace("▸", " ").split() for line in screen.lines[2:-1]]
    return [int(each[0]) for each in words if each and each[0].isdecimal()]


def _runs(runs_dir: Path) -> list[ListedRun]:
    return look(runs_dir)[0]


def _painted(screen: Screen) -> bool:
    first, *_, last = screen.lines
    return bool(first.strip() and last.strip())


def _queue_shown(screen: Screen) -> bool:
    return bool(screen.cursors) and "held" in screen.text


def _cursor_off(words: str) -> Holds:
    return lambda screen: bool(screen.cursors) and screen.cursors[-1][1] != words


def _cursor_on(number: int) -> Holds:
    return lambda screen: any(str(number) in words.split() for _, words in screen.cursors)


if __name__ == "__main__":
    main({NAME: measure})
