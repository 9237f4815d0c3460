"""The processor time of a console that nobody touches, at each place, with no runs and with many."""

from collections import defaultdict

import psutil
from figures import Figure
from recording import Amount, main
from terminal import Terminal
from workplace import Workplace, filled

NAME, UNIT = "idle", "% of a core"
PLACES = {"1": "console", "2": "results", "3": "runs", "4": "run", "5": "preview"}
SETTLING = 30
"""Seconds within which a place comes to rest, if it does."""
AT_WORK, CALM = 20.0, 3
"""Percent of a core from which on a console is still making what the place shows, and the seconds without
that after which it is done."""


def measure(amount: Amount) -> list[Figure]:
    """Percent of one core."""
    none, many = "no runs", f"{amount.runs} runs"
    workplaces = {none: Workplace(amount.folder / "no-runs"), many: filled(amount.folder, amount.runs)}
    taken: dict[str, dict[str, list[float]]] = {case: defaultdict(list) for case in workplaces}
    for _ in range(amount.times(1)):
        for case, workplace in workplaces.items():
            with workplace.console("--watch-only") as console:
                console.until(lambda screen: "quick" in screen.text)
                for key, place in PLACES.items():
                    console.send(key)
                    _settle(console, amount.seconds)
                    taken[case][place].append(_share(console, amount.seconds))
    figures = []
    for place in PLACES.values():
        plain = Figure(NAME, f"{place}, {none}", tuple(taken[none][place]), UNIT, promise=1.0)
        full = Figure(NAME, f"{place}, {many}", tuple(taken[many][place]), UNIT, plain, promise=1.0)
        figures += [plain, full]
    return figures


def _settle(console: Terminal, seconds: float) -> None:
    console.watch(min(1.0, seconds))
    calm = 0
    for _ in range(SETTLING if seconds >= 1 else 0):
        calm = calm + 1 if _share(console, 1.0) < AT_WORK else 0
        if calm == CALM:
            return


def _share(console: Terminal, seconds: float) -> float:
    process = psutil.Process(console.process_id)
    before = sum(process.cpu_times()[:2])
    console.watch(seconds)
    return 100 * (sum(process.cpu_times()[:2]) - before) / seconds


if __name__ == "__main__":
    main({NAME: measure})
