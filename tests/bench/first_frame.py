"""From the command to what it shows: the console's first place, `rotui --help`, `rotui runs` of few and many.

The baselines, started in turn with them, are a Python that does nothing and a Textual app with one line.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable

import psutil
from figures import Figure
from recording import Amount, main
from screen import Screen
from terminal import Terminal
from workplace import Workplace, filled

NAME = "first-frame"
FEW = 5
FIRST_FRAME, COMMAND = 0.6, 0.3
"""The most seconds for a first frame, and for a command that does not train."""
PYTHON, TEXTUAL = "python -c pass", "smallest Textual app"
PLAIN_APP = """
from textual.app import App
from textual.widgets import Footer, Static

class Plain(App):
    def compose(self):
        yield Static("top")
        yield Static("bottom", id="bottom")

    CSS = "#bottom { dock: bottom; height: 1; }"

Plain().run()
"""


def painted(screen: Screen) -> bool:
    """Whether a whole place stands there: its first line, its last, and something between them."""
    first, *between, last = screen.lines
    return bool(first.strip() and last.strip() and any(line.strip() for line in between))


def measure(amount: Amount) -> list[Figure]:
    """Seconds, and how many modules of torch were loaded."""
    few, many = filled(amount.folder, FEW), filled(amount.folder, amount.runs)
    app = few.folder / "plain.py"
    app.write_text(PLAIN_APP, "utf-8")
    commands: dict[str, Callable[[], float]] = {
        PYTHON: lambda: _duration(few, [sys.executable, "-c", "pass"]),
        "rotui --help": lambda: _duration(few, few.words("--help")),
        f"rotui runs, {FEW} runs": lambda: _duration(few, few.words("runs")),
        f"rotui runs, {amount.runs} runs": lambda: _duration(many, many.words("runs")),
        TEXTUAL: lambda: _first_frame(
            Terminal([sys.executable, str(app)], few.folder, few.environment), lambda s: "bottom" in s.text
        ),
        f"console, {FEW} runs": lambda: _first_frame(few.console(), painted),
        f"console, {amount.runs} runs": lambda: _first_frame(many.console(), painted),
        f"console, {FEW} runs, profiles listed": lambda: _first_frame(few.console(), _lists_profiles),
    }
    taken = defaultdict(list)
    for _ in range(amount.times(10)):
        for case, command in commands.items():
            taken[case].append(command())
    plain = {case: Figure(NAME, case, tuple(taken.pop(case)), "s") for case in (PYTHON, TEXTUAL)}
    figures = []
    for case, values in taken.items():
        is_console = case.startswith("console")
        promise = FIRST_FRAME if is_console else COMMAND
        promised = None if "listed" in case else promise
        baseline = plain[TEXTUAL if is_console else PYTHON]
        figures.append(Figure(NAME, case, tuple(values), "s", baseline, promised))
    return [*plain.values(), *figures, *_torch(few)]


def _duration(workplace: Workplace, words: list[str]) -> float:
    begun = time.perf_counter()
    workplace.run(words)
    return time.perf_counter() - begun


def _first_frame(terminal: Terminal, shown: Callable[[Screen], bool]) -> float:
    with terminal:
        return terminal.until(shown) - terminal.started


def _lists_profiles(screen: Screen) -> bool:
    return painted(screen) and "quick" in screen.text


def _torch(workplace: Workplace) -> list[Figure]:
    """How many modules, and for the console how many libraries, of torch each has loaded: none."""
    found = {}
    for arguments in (("--help",), ("runs",)):
        told = workplace.run([sys.executable, "-X", "importtime", "-m", "rotui", *arguments]).stderr
        imported = [line.rpartition("|")[2].strip() for line in told.splitlines()]
        found[f"rotui {arguments[0]}"] = sum(name.split(".")[0] == "torch" for name in imported)
    with workplace.console() as console:
        console.until(_lists_profiles)
        loaded = psutil.Process(console.process_id).memory_maps()
        found["console"] = sum("torch" in each.path for each in loaded)
    return [
        Figure(NAME, f"{case}: parts of torch", (float(count),), "loaded", promise=0)
        for case, count in found.items()
    ]


if __name__ == "__main__":
    main({NAME: measure})
