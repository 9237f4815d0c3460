"""The installed console in tmux: a whole study is queued by key, watched to its end and read."""

import csv
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from open_console import COMMAND, PATIENCE, Home

TMUX = shutil.which("tmux")
pytestmark = pytest.mark.skipif(TMUX is None, reason="tmux is not installed")
STAGES = ["pretrain", "finetune-pretrained", "finetune-random", "supervised-pretrained", "supervised-random"]
PROFILE = """
extends = "quick"
title = "The study in tiny"
[scale]
limit = 400
epochs = 10
[network]
width = 8
[compute]
threads = 1
"""
TITLES = ["rotation", "fine-tuned, pre", "fine-tuned, random", "supervised, pre", "supervised, random"]
MEASURES = {
    "best": "best_accuracy",
    "last": "last_accuracy",
    "floor": "floor",
    "above": "above_floor",
    "loss": "lowest_loss",
}
"""Columns of Results, and what `rotui results` calls them."""


class Tmux(Home):
    """A tmux server of its own with the console in its one pane."""

    def open_console(self, columns: int = 80, rows: int = 24) -> None:
        """Starts `rotui`, whose exit code is written to a file."""
        command = f"{COMMAND[0]}; echo $? > code"
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "sh", "-c", command)

    def tmux(self, *words: str) -> str:
        """What a command of tmux tells."""
        server = [str(TMUX), "-f", "/dev/null", "-S", str(self.folder / "tmux")]
        return subprocess.run(
            [*server, *words],
            cwd=self.folder,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def pane(self) -> str:
        """What stands on the screen."""
        return self.tmux("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        """Types keys, by tmux's names."""
        self.tmux("send-keys", *keys)

    def until(self, *texts: str) -> str:
        """The screen as soon as all of these expressions are found in it."""
        return self.until_pane(lambda pane: all(re.search(text, pane) for text in texts), *texts)

    def until_pane(self, holds: Callable[[str], object], *wanted: str) -> str:
        """The screen as soon as something holds of it."""
        end = time.monotonic() + PATIENCE
        while not holds(pane := self.pane()):
            assert time.monotonic() < end, f"never {wanted}:\n{pane}"
            time.sleep(0.05)
        return pane

    def until_finished(self, count: int) -> None:
        """Waits, without a look at the screen, until so many runs are finished."""

        def states() -> list[Path]:
            return sorted(self.runs.glob("0*/state.json"))

        end = time.monotonic() + PATIENCE
        while [json.loads(path.read_text())["status"] for path in states()] != ["finished"] * count:
            assert time.monotonic() < end, self.told()
            time.sleep(0.1)

    def go_to_profile(self, told: str) -> None:
        """Puts the cursor on the profile of which the pane below says this."""
        self.until("tiny", "quick")
        self.press("Home")
        end = time.monotonic() + PATIENCE
        while told not in self.pane().split("▔")[-1]:
            assert time.monotonic() < end, self.pane()
            self.press("Down")
            time.sleep(0.1)

    def set_field(self, key: str, value: str) -> None:
        """Goes down the form to a field and writes a value over what is in it."""
        while (there := self._field()) != key:
            self.press("Down")
            self.until_pane(lambda _, there=there: self._field() != there, f"a field below {there}")
        self.press("C-e", "C-u")
        self.until(rf"● {key.rpartition('.')[2]}  ")
        self.press(*value)
        self.until(rf"● {key.rpartition('.')[2]} +{value} ")

    def _field(self) -> str:
        """The field with the cursor, as the form tells below the plan."""
        found = re.findall(r"▏ ([a-z]\w*(?:\.\w+)*) +│\n", self.pane())
        return str(found[-1]) if found else ""

    def exit_code(self) -> int:
        """What the console ended with."""
        end = time.monotonic() + PATIENCE
        while not (self.folder / "code").exists() or not (self.folder / "code").read_text().strip():
            assert time.monotonic() < end, self.pane()
            time.sleep(0.05)
        return int((self.folder / "code").read_text())


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    home = Tmux(tmp_path)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "tiny.toml").write_text(PROFILE)
    yield home
    server = [str(TMUX), "-S", str(tmp_path / "tmux"), "kill-server"]
    subprocess.run(server, check=False, capture_output=True)


def test_a_study_is_queued_watched_to_its_end_and_every_number_of_it_is_read(tmux: Tmux) -> None:
    tmux.open_console()
    tmux.go_to_profile("The study in tiny")
    tmux.press("Enter")
    tmux.until("Queue: The study in tiny", "5 runs of 1 setting", "20.0 k images")
    tmux.press("C-s")
    queued = tmux.until("queued 5 runs", *(rf"· queued +╌+ +0%|{stage}" for stage in STAGES))
    assert all(re.search(rf"\d  {stage} +[·▶] (queued|running)", queued) for stage in STAGES)
    tmux.until(r"1 training · \d waiting", rf"\d  ({'|'.join(STAGES)}) +▶ running +━+╌* +[1-9]\d*%")
    curve = tmux.until(r"accuracy.*loss", "[⠁-⣿]{4}", "●", "▲")
    assert all(len(line) <= 80 for line in curve.splitlines())
    tmux.tmux("resize-window", "-x", "120", "-y", "40")
    tmux.until(r"Preview {20,}", r"finished, best")
    tmux.until_finished(5)
    tmux.until("nothing is queued", r"idle  runs")

    tmux.press("2")
    shown = tmux.until("tiny +5/5", "5 of 5 runs finished", "supervised, random")
    asked = tmux.rotui("results", "./profiles/tiny.toml", "--json")
    rows = json.loads(asked.stdout)["rows"]
    assert [row["stage"] for row in rows] == STAGES
    for run, row in zip(tmux.told(), rows, strict=True):
        told = json.loads((tmux.runs / str(run["name"]) / "result.json").read_text())
        with (tmux.runs / str(run["name"]) / "metrics.csv").open() as file:
            epochs = [float(epoch["validation_accuracy"]) for epoch in csv.DictReader(file)]
        measured = {MEASURES[title]: told[MEASURES[title]] for title in ("best", "last", "loss")}
        assert (len(epochs), max(epochs), epochs[-1]) == (10, told["best_accuracy"], told["last_accuracy"])
        assert row == {**row, **measured, "stage": run["stage"]}
    compare_numbers(shown, rows)

    tmux.press("3")
    listed = tmux.until("5 runs", *(rf"tiny +{stage[:18]}" for stage in STAGES))
    assert len(re.findall(r"tiny +\S+ +.*✓ finished +10/10 ", listed)) == 5
    for run in tmux.told():
        assert re.search(rf"\n[▸ ] +{run['number']}  tiny .* {run['best']:.2f} +{run['last']:.2f} ", listed)
    tmux.press("q")
    assert tmux.exit_code() == 0


def compare_numbers(shown: str, rows: list[dict[str, object]]) -> None:
    """Every cell of the table on the screen is the number of `rotui results`."""
    [header] = [line for line in shown.splitlines() if re.search(r"stage +best", line)]
    lines = shown.splitlines()[shown.splitlines().index(header) + 1 :]
    ends = {title: header.index(title) + len(title) for title in MEASURES if title in header}
    assert set(ends) >= {"best", "last", "floor", "loss"}
    for line, row in zip(lines, rows, strict=False):
        assert TITLES[STAGES.index(str(row["stage"]))] in line
        for title, end in ends.items():
            found = re.search(r"([\d.]+)( %)?$", line[:end])
            value = row[MEASURES[title]]
            if value is None:
                assert found is None
            else:
                assert found is not None, (title, line)
                digits = len(found[1].partition(".")[2])
                assert found[1] == f"{value:.{digits}f}", (title, line)


def test_a_study_goes_on_while_nothing_is_attached_and_is_there_when_one_comes_back(tmux: Tmux) -> None:
    tmux.open_console()
    tmux.go_to_profile("handwritten")
    tmux.press("Enter")
    tmux.until("5 runs of 1 setting")
    values = {"scale.limit": "100", "scale.epochs": "18", "network.width": "8", "compute.threads": "1"}
    for key, value in values.items():
        tmux.set_field(key, value)
    tmux.until("9000 images")
    tmux.press("C-s")
    tmux.until("▶ running")
    client = attached(tmux)
    tmux.tmux("detach-client")
    assert client.wait(PATIENCE) == 0
    tmux.until_finished(5)
    client = attached(tmux)
    tmux.until("nothing is queued", "idle  runs")
    assert [run["epochs"] for run in tmux.told()] == [18] * 5
    tmux.press("q")
    assert tmux.exit_code() == 0
    client.wait(PATIENCE)


def attached(tmux: Tmux) -> "subprocess.Popen[bytes]":
    """A client of the session in tmux's control mode, which needs no terminal."""
    words = [str(TMUX), "-S", str(tmux.folder / "tmux"), "-C", "attach-session"]
    client = subprocess.Popen(words, env=tmux.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE
    while not tmux.tmux("list-clients"):
        assert time.monotonic() < end
        time.sleep(0.05)
    return client


def test_a_tmux_server_that_is_killed_leaves_the_study_going_and_it_is_found_finished(tmux: Tmux) -> None:
    tmux.open_console()
    tmux.go_to_profile("The study in tiny")
    tmux.press("Enter")
    tmux.until("5 runs of 1 setting")
    tmux.press("C-s")
    tmux.until("▶ running")
    tmux.tmux("kill-server")
    tmux.until_finished(5)
    assert [run["resumes"] for run in tmux.told()] == [0] * 5
    tmux.open_console()
    tmux.until("nothing is queued", "idle  runs")
    tmux.press("2")
    tmux.until("tiny +5/5", "5 of 5 runs")
    tmux.press("q")
    assert tmux.exit_code() == 0
