"""One run in words: what it is, how it stands, what it ended with and what it was made by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from rotui.formats import count, duration
from rotui.profile.stages import STAGES
from rotui.results.deviations import shown
from rotui.results.run_comparison import environment_values, from_default
from rotui.results.run_reference import RunReference, run_reference
from rotui.store.listing import ListedRun
from rotui.store.live_progress import LiveProgress
from rotui.store.ordering import seconds_left, share_done
from rotui.store.past_runs import PastRun
from rotui.store.run_files import RunFiles, RunFilesReader
from rotui.study.records import RunResult
from rotui.text import megabytes, printable
from rotui.tui.tables.queue_columns import bar, status_text

LONGEST_VALUE = 4000


@dataclass(frozen=True)
class RunView:
    """A run's files, and what was published for its settings, None where nothing was."""

    files: RunFiles
    published: RunReference | None


class RunReader:
    """Reads runs for the screen; called by one thread at a time."""

    def __init__(self, runs_dir: Path) -> None:
        self._reader = RunFilesReader(runs_dir)
        self._view: RunView | None = None

    def read(self, name: str) -> RunView:
        """The run in the directory `name`; the very same object where nothing changed."""
        files = self._reader.read(name)
        if self._view is None or self._view.files is not files:
            past = files.past
            published = run_reference(past.profile, past.stage) if past is not None else None
            self._view = RunView(files, published)
        return self._view


@dataclass(frozen=True)
class Section:
    """Facts under a title, each with its label; a fact of several lines has them folded below each other."""

    title: str
    facts: tuple[tuple[str, Text], ...]


def header(run: ListedRun, live: LiveProgress | None, place: int, count_of_runs: int) -> Text:
    """Which run is shown and how it stands, in one line."""
    text = Text.assemble((f"{run.number} {run.stage}", "bold"), "  ")
    text.append_text(status_text(run))
    if run.status in ("running", "paused"):
        text.append("  ").append_text(bar(share_done(run, live)))
        left = seconds_left(run, live)
        text.append(f"  {duration(left)} left" if left is not None else "")
    if run.best is not None:
        text.append(f"  best {run.best:.2f} %")
    text.append(f"  {printable(run.settings, 80)}, seed {run.seed}", "dim")
    return text.append(f"  {place or '?'} of {count_of_runs}", "dim")


def overview(run: ListedRun, view: RunView, live: LiveProgress | None) -> tuple[list[Section], list[Section]]:
    """The sections of the left and of the right column."""
    files, past = view.files, view.files.past
    if past is None:
        return [Section("cannot be read", (("why", _text(files.trouble)),))], []
    left = [
        Section("state", _state(run, live)),
        Section("result", _result(run, past, view.published)),
        Section("run", _identity(run, past)),
    ]
    right = [
        Section("resume", (("verdict", _resume(run, files)),)),
        Section("yours", _own_words(run)),
        Section("weights and checkpoints", _checkpoints(files)),
        Section("not the default", _settings(past)),
        Section("made by", _made_by(past)),
    ]
    return left, [section for section in right if section.facts]


def sections_text(sections: Sequence[Section]) -> Group:
    """Sections below each other, labels in a column of their own; long values are folded."""
    parts: list[Text | Table] = []
    for section in sections:
        parts += [Text("")] if parts else []
        parts.append(Text(section.title, "bold"))
        parts.append(_facts((f"  {label}", value) for label, value in section.facts))
    return Group(*parts)


def _facts(facts: Iterable[tuple[str, Text]], longest: int = 34) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim", min_width=13, max_width=longest)
    table.add_column(overflow="fold")
    for label, value in facts:
        table.add_row(Text(printable(label, 100)), value)
    return table


def _identity(run: ListedRun, past: PastRun) -> tuple[tuple[str, Text], ...]:
    return (
        ("stage", _text(STAGES[past.stage].title)),
        ("study", _text(run.study)),
        ("settings", _text(run.settings)),
        ("seed", _text(run.seed)),
        ("starts from", _text(run.parent_run or "random weights")),
        ("queued", _text(_time(run.created))),
        ("changed", _text(_time(run.changed))),
        ("directory", _text(past.path)),
    )


def _state(run: ListedRun, live: LiveProgress | None) -> tuple[tuple[str, Text], ...]:
    facts = [("now", status_text(run))]
    facts += [("why", _text(run.reason))] if run.reason else []
    facts += [("scaled", _text("a try, not a measurement"))] if run.scaled else []
    if run.status in ("running", "paused"):
        left = seconds_left(run, live)
        told = f"  {duration(left)} left" if left is not None else ""
        facts.append(("done", bar(share_done(run, live)).append(told)))
    took = f"  in {duration(run.seconds)}, {run.seconds / run.epochs:.1f} s each" if run.epochs else ""
    facts.append(("epochs", _text(f"{run.epochs} of {run.epochs_planned}{took}")))
    rate = live.images_per_second if live is not None else run.images_per_second
    facts += [("images", _text(f"{count(round(rate))} a second"))] if rate else []
    return tuple(facts)


def _result(run: ListedRun, past: PastRun, published: RunReference | None) -> tuple[tuple[str, Text], ...]:
    result = past.result
    if result is None:
        if run.best is None or run.last is None:
            return (("so far", _text("nothing: no epoch has ended")),)
        return (("best so far", _text(f"{run.best:.2f} %")), ("last so far", _text(f"{run.last:.2f} %")))
    facts = [("best", _text(f"{result.best_accuracy:.2f} %  epoch {result.best_accuracy_epoch}"))]
    if published is not None:
        difference = result.best_accuracy - published.accuracy
        told = f"{published.accuracy:.2f} %  difference {difference:+.2f}"
        departs = "; ".join(map(str, published.departs))
        facts.append(("published", _text(f"{told}  with other settings: {departs}" if departs else told)))
    facts += [("floor", _text(f"{run.floor:.1f} %  what the corners tell"))] if run.floor is not None else []
    facts.append(("last", _text(f"{result.last_accuracy:.2f} %")))
    if result.holdout_choice_accuracy is not None:
        chosen = f"{result.holdout_choice_accuracy:.2f} %  epoch {result.holdout_choice_epoch}"
        facts.append(("hold-out", _text(chosen)))
    facts.append(("lowest loss", _text(f"{result.lowest_loss:.4f}  epoch {result.lowest_loss_epoch}")))
    facts.append(("last loss", _text(f"{result.last_loss:.4f}")))
    return (*facts, *_probes(result))


def _probes(result: RunResult) -> list[tuple[str, Text]]:
    facts = []
    for name, probe in result.probes.items():
        neighbours, linear = probe.nearest_neighbour_accuracy, probe.linear_accuracy
        facts.append((f"{name} trunk", _text(f"20 neighbours {neighbours:.2f} %, linear {linear:.2f} %")))
    return facts


def _resume(run: ListedRun, files: RunFiles) -> Text:
    """Whether the run is as if it had never been stopped, and by what that was judged."""
    if not run.resumes:
        return _text("never stopped" if run.epochs else "not begun")
    times = f"resumed {run.resumes} time{'s' if run.resumes > 1 else ''}"
    epochs = f"{files.compared} epoch{'s' if files.compared != 1 else ''} trained again and compared"
    if run.verdict == "exact":
        return Text.assemble(("= exact", "green"), f"  {times}, {epochs}")
    if run.verdict == "approximate":
        return Text.assemble(("≈ approximate", "yellow"), f"  {times}, {epochs}")
    return _text(f"{times}, not judged yet")


def _own_words(run: ListedRun) -> tuple[tuple[str, Text], ...]:
    facts = [("note", _text(run.note))] if run.note else []
    return (*facts, *([("tags", _text(", ".join(run.tags)))] if run.tags else []))


def _checkpoints(files: RunFiles) -> tuple[tuple[str, Text], ...]:
    facts = []
    if files.model_bytes is not None:
        facts.append(("model", _text(megabytes(files.model_bytes))))
    for stored in files.checkpoints:
        damaged = "" if stored.whole else ", no manifest: passed over"
        facts.append(("checkpoint", _text(f"{stored.name}  {megabytes(stored.bytes)}{damaged}")))
    return tuple(facts)


def _settings(past: PastRun) -> tuple[tuple[str, Text], ...]:
    facts = []
    for each in from_default(past.profile):
        if each.key == "seed":
            continue
        value, default = (shown(told) if told not in ("", (), []) else "none" for told in each.values)
        facts.append((each.key, Text.assemble(printable(value, 200), (f"  default {default}", "dim"))))
    return tuple(facts) or (("all", _text("at their defaults")),)


def _made_by(past: PastRun) -> tuple[tuple[str, Text], ...]:
    values = environment_values(past.provenance)
    return tuple((name, _text(value)) for name, value in values.items() if value is not None)


def provenance_table(provenance: Mapping[str, Any]) -> Table:
    """Everything that was recorded, by dotted names."""
    return _facts(((name, _text(value)) for name, value in _flat(provenance)), longest=40)


def _flat(values: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Nested values by dotted names; a list on one line, as a command is typed."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{above}{name}.")
        elif isinstance(value, list | tuple):
            rows.append((f"{above}{name}", " ".join(map(str, value))))
        else:
            rows.append((f"{above}{name}", "none" if value is None else str(value)))
    return rows


def _time(written: str) -> str:
    return f"{written[:19].replace('T', ' ')} UTC"


def _text(value: object) -> Text:
    return Text(printable(value, LONGEST_VALUE))
