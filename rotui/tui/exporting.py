"""A table in view as a file: CSV, Markdown or JSON, in the current directory and never over another."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from rotui.errors import StoreError
from rotui.results.run_comparison import finite
from rotui.store.atomic import store_errors
from rotui.text import printable

Format = Literal["csv", "markdown", "json"]
Rows = Sequence[Mapping[str, Any]]

SUFFIXES: dict[Format, str] = {"csv": ".csv", "markdown": ".md", "json": ".json"}
LONGEST_TEXT = 100_000


def table_text(rows: Rows, form: Format) -> str:
    """The rows, which have the same keys, as text. Numbers are in full but for Markdown, which is for
    reading; None and what is not finite is empty. Nothing in the text can be obeyed by a terminal."""
    rows = [finite(row) for row in rows]
    if form == "json":
        return json.dumps(rows, indent=2) + "\n"
    return _csv(rows) if form == "csv" else _markdown(rows)


def write_new(folder: Path, stem: str, suffix: str, text: str) -> Path:
    """Writes a file of a name that is free, `stem`, `stem-2` and so on, and returns it; StoreError."""
    number = 1
    while True:
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}{suffix}"
        with store_errors(path, "cannot be written"):
            try:
                file = path.open("x", encoding="utf-8", newline="")
            except FileExistsError:
                number += 1
                continue
            try:
                with file:
                    file.write(text)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            return path


class ExportDialog(ModalScreen[Format | None]):
    """Asks in which format."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "choose('csv')", "CSV", id="export.csv", tooltip="Numbers in full, for a spreadsheet"),
        Binding("m", "choose('markdown')", "Markdown", id="export.markdown", tooltip="A table to read"),
        Binding("j", "choose('json')", "JSON", id="export.json", tooltip="A list of objects, for a program"),
        Binding("escape,q", "choose('')", "Back", id="export.back", tooltip="Write nothing"),
    ]

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def compose(self) -> ComposeResult:
        """The formats, each with its key."""
        with Vertical(classes="dialog"):
            yield Static(f"Export {self._what}", classes="dialog-title", markup=False)
            yield OptionList(
                Option("c  CSV       for a spreadsheet", id="csv"),
                Option("m  Markdown  to read", id="markdown"),
                Option("j  JSON      for a program", id="json"),
                markup=False,
                compact=True,
            )
            yield Static("to a new file in the current directory", classes="dialog-note")

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """One was chosen with enter."""
        self.action_choose(message.option.id or "")

    def action_choose(self, form: str) -> None:
        """Closes with the answer, None for no format."""
        self.dismiss(next((each for each in SUFFIXES if each == form), None))


def export_table(screen: Screen[Any], stem: str, what: str, rows: Callable[[], Rows]) -> None:
    """Asks for a format and writes what `rows` gives then, off the event loop, to a file called after
    `stem`; says which it is, or why there is none."""

    def write(form: Format | None) -> None:
        if form is None:
            return
        table = rows()

        def work() -> None:
            try:
                path = write_new(Path.cwd(), stem, SUFFIXES[form], table_text(table, form))
            except (StoreError, OSError) as error:
                screen.app.notify(printable(error, 400), severity="error", timeout=12, markup=False)
            else:
                told = f"{len(table)} rows in {printable(path.name)}, in {printable(path.parent)}"
                screen.app.notify(told, timeout=8, markup=False)

        screen.run_worker(work, thread=True, exit_on_error=False, group="export")

    screen.app.push_screen(ExportDialog(what), write)


def _csv(rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if rows:
        writer.writerow(rows[0])
    writer.writerows([_plain(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _markdown(rows: Rows) -> str:
    if not rows:
        return ""
    names = list(rows[0])
    numbers = [any(_is_number(row[name]) for row in rows) for name in names]
    lines = [
        names,
        ["---:" if is_number else "---" for is_number in numbers],
        *([_escaped(_rounded(value)) for value in row.values()] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "; ".join(map(_plain, value))
    return repr(value) if isinstance(value, float) else printable(value, LONGEST_TEXT)


def _rounded(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else _plain(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _escaped(text: str) -> str:
    for character in "\\|*_<[`":
        text = text.replace(character, f"\\{character}")
    return text
