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
HEADLESS, ALONE, PRESSED = "rotui run", "console left alone", "console, a key every 200 ms"
EPOCHS, FEW = 12, 50
NETWORK = ("--set", "network.architecture=resnet18")
"""The study's own, whose epochs take more than a second here: no training is shown more often."""
KEY_SECONDS = 0.2
AT_MOST = 1.03


def measure(amount: Amount) -> list[Figure]:
    """Seconds of an epoch: of each training the middle one, the first left out."""
    workplace, figures = filled(amount.folder, FEW), list[Figure]()
    for threads in (1,) if amount.smallest else (1, 2):
        taken: dict[str, list[float]] = defaultdict(list)
        for number in range(amount.times(5)):
            ways = (HEADLESS, ALONE) if amount.smallest else (HEADLESS, ALONE, PRESSED)
            for way in ways if number % 2 == 0 else reversed(ways):
                taken[way].append(_seconds(workplace, way, threads, amount))
        named = f"{threads} thread{'s' if threads > 1 else ''}"
        plain = Figure(NAME, f"{HEADLESS}, {named}", tuple(taken.pop(HEADLESS)), UNIT)
        figures += [
            plain,
            *(
                Figure(NAME, f"{way}, {named}", tuple(values), UNIT, plain, AT_MOST, "ratio")
                for way, values in taken.items()
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
            _wait(console, run, pressed=way == PRESSED)
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        taken = [float(row["seconds"]) for row in csv.DictReader(file)]
    rmtree(run)
    return median(taken[1:])


def _wait(console: Terminal, run: Path, *, pressed: bool) -> None:
    """Until the run has ended, pressing keys in the table of runs or leaving the console alone."""
    if pressed:
        console.until(lambda screen: "quick" in screen.text)
        console.send("3")
    keys = cycle("jjjjjkkkkk")
    for _ in range(int(10 * PATIENCE / KEY_SECONDS)):
        if '"finished"' in (run / "state.json").read_text("utf-8"):
            return
        if pressed:
            console.send(next(keys))
        console.watch(KEY_SECONDS)
    raise RuntimeError(f"{run.name} does not end; the screen shows\n{console.screen.text}")


if __name__ == "__main__":
    main({NAME: measure})
