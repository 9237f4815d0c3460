"""How a benchmark is asked for, and where its figures go: a table, JSON lines, rows of a CSV file."""

import csv
import json
import os
import platform
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from figures import Figure, table


@dataclass(frozen=True)
class Amount:
    """How much is measured. `repeats` of None is as many as the benchmark asks for, `threads` of None each
    number of them; `folder` keeps what takes long to make; `smallest` only shows that a benchmark works."""

    folder: Path
    repeats: int | None = None
    runs: int = 5000
    seconds: float = 30.0
    threads: int | None = None
    smallest: bool = False

    def times(self, usual: int) -> int:
        """How often to measure what is usually measured that often."""
        return usual if self.repeats is None else self.repeats


Benchmark = Callable[[Amount], Iterable[Figure]]


def main(benchmarks: "dict[str, Benchmark]") -> None:
    """Measures what the command line asks for of these benchmarks, and tells of it."""
    options = _options(benchmarks)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves no console behind
    with TemporaryDirectory(prefix="rotui-bench-") as temporary:
        folder = Path(options.folder or temporary).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        amount = Amount(folder, options.repeats, options.runs, options.seconds, options.threads)
        if options.smallest:
            amount = Amount(folder, repeats=1, runs=40, seconds=0.2, smallest=True)
        for name in options.benchmarks or benchmarks:
            before = circumstances()
            figures = list(benchmarks[name](amount))
            _tell(figures, before, options)


def circumstances() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "textual", "rotui")},
        "command": " ".join(["python", Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def _options(benchmarks: "dict[str, Benchmark]") -> Namespace:
    parser = ArgumentParser(description=sys.modules["__main__"].__doc__)
    if len(benchmarks) > 1:
        parser.add_argument(
            "benchmarks", nargs="*", metavar="NAME", help=f"which of {', '.join(benchmarks)} (all of them)"
        )
    else:
        parser.set_defaults(benchmarks=[])
    parser.add_argument("--repeats", type=int, help="how often, where not as often as usual")
    parser.add_argument("--runs", type=int, default=Amount.runs, help="runs of a full table (%(default)s)")
    parser.add_argument("--seconds", type=float, default=Amount.seconds, help="of idling (%(default)s)")
    parser.add_argument("--threads", type=int, help="of a training, for the slowdown alone (1, then 2)")
    parser.add_argument("--folder", help="keep what takes long to make there")
    parser.add_argument("--json", action="store_true", help="one object a line on stdout")
    parser.add_argument("--record", metavar="FILE.csv", help="add a row for each figure")
    parser.add_argument("--smallest", action="store_true", help="the least of everything: does it work?")
    options = parser.parse_args()
    if unknown := set(options.benchmarks) - set(benchmarks):
        parser.error(
            f"no benchmark is called {', '.join(sorted(unknown))} (they are {', '.join(benchmarks)})"
        )
    return options


def _tell(figures: list[Figure], before: dict[str, Any], options: Namespace) -> None:
    rows = [{**figure.to_json(), **before} for figure in figures]
    if options.json:
        for row in rows:
            print(json.dumps(row), flush=True)
    else:
        where = f"{before['processor']}, {before['cores']} cores, load {before['load']}"
        versions = ", ".join(f"{name} {before[name]}" for name in ("python", "torch", "textual"))
        print(f"{table(figures)}\n{before['date']}, {where}; {versions}\n", flush=True)
    if options.record:
        file = Path(options.record)
        is_new = not file.exists()
        with file.open("a", newline="", encoding="utf-8") as opened:
            writer = csv.DictWriter(opened, list(rows[0]))
            if is_new:
                writer.writeheader()
            writer.writerows(rows)


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
