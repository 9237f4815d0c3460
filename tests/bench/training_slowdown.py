"""How much slower a training's epochs are in the console than headless: left alone, and with keys pressed."""

import csv
from collections import defaultdict
from itertools import cycle
from pathlib import Path
from shutil import rmtree
from statistics import median

from figures import Figure
from recording import Amount, main
from terminal import PATIENCE, Terminal
from workplace import TINY, TRAINING, Workplace, filled

NAME, UNIT = "slowdown", "s an epoch"
HEADLESS = "rotui run"
KEY_SECONDS = {
    "console left alone": None,
    "console, a key a second": 1.0,
    "console, five keys a second": 0.2,
}
"""How often a key is pressed in the table of runs."""
EPOCHS, FEW = 8, 50
NETWORK = ("--set", "network.architecture=resnet18")
"""The study's own, whose epochs take more than a second here: no training is shown more often."""
LOOK_SECONDS = 1.0
AT_MOST = 1.03


def measure(amount: Amount) -> list[Figure]:
    """Seconds of an epoch: of each training the middle one, the first left out. Trainings of the same kind
    differ by some percent from each other, so that it takes many pairs to see one."""
    workplace, figures = filled(amount.folder, FEW), list[Figure]()
    usual = (1,) if amount.smallest else (1, 2)
    for threads in usual if amount.threads is None else (amount.threads,):
        taken: dict[str, list[float]] = defaultdict(list)
        ways = (HEADLESS, *KEY_SECONDS)
        for number in range(amount.times(10)):
            for way in ways if number % 2 == 0 else reversed(ways):
                taken[way].append(_seconds(workplace, way, threads, amount))
        named = f"{threads} thread{'s' if threads > 1 else ''}"
        plain = Figure(NAME, f"{HEADLESS}, {named}", tuple(taken[HEADLESS]), UNIT)
        figures += [
            plain,
            *(
                Figure(NAME, f"{way}, {named}", tuple(taken[way]), UNIT, plain, AT_MOST, "ratio")
                for way in KEY_SECONDS
            ),
        ]
    return figures


def _seconds(workplace: Workplace, way: str, threads: int, amount: Amount) -> float:
    epochs = 2 if amount.smallest else EPOCHS
    options = ["--fresh", *(TINY if amount.smallest else NETWORK)]
    if way == HEADLESS:
        settings = ("--set", f"compute.threads={threads}", "--epochs", str(epochs))
        workplace.rotui("run", *TRAINING, *settings, *options)
        run = workplace.newest_run()
    else:
        run = workplace.queue_training(epochs, threads, *options)
        with workplace.console() as console:
            _wait(console, run, KEY_SECONDS[way])
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        taken = [float(row["seconds"]) for row in csv.DictReader(file)]
    rmtree(run)
    return median(taken[1:])


def _wait(console: Terminal, run: Path, key_seconds: float | None) -> None:
    """Until the run has ended, pressing keys in the table of runs or leaving the console alone."""
    if key_seconds is not None:
        console.until(lambda screen: "quick" in screen.text)
        console.send("3")
    keys = cycle("jjjjjkkkkk")
    for _ in range(int(10 * PATIENCE / LOOK_SECONDS)):
        if '"finished"' in (run / "state.json").read_text("utf-8"):
            return
        presses = 0 if key_seconds is None else round(LOOK_SECONDS / key_seconds)
        for _ in range(presses):
            console.send(next(keys))
            console.ignore(LOOK_SECONDS / presses)
        if not presses:
            console.ignore(LOOK_SECONDS)
    raise RuntimeError(f"{run.name} does not end: {(run / 'state.json').read_text('utf-8')}")


if __name__ == "__main__":
    main({NAME: measure})
