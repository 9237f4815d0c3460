"""A profile in the user's own editor, the console standing aside meanwhile."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textual.app import App, SuspendNotSupported

from rotui.text import printable


def edit_file(app: App[int], path: Path, *, read_only: bool) -> None:
    """Opens `path` in $VISUAL or $EDITOR, else in the first of nano, vim and vi that there is.

    Of a file that came with rotui a copy in ./profiles is edited, where there is none of that name yet.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        words = shlex.split(editor)
    except ValueError as error:
        app.notify(printable(f"$VISUAL or $EDITOR: {editor}: {error}"), severity="error", markup=False)
        return
    if not words:
        found = next((name for name in ("nano", "vim", "vi") if shutil.which(name)), None)
        words = [found] if found else []
    if not words:
        app.notify("there is no editor: set $EDITOR", severity="error")
        return
    if read_only:
        own = Path("profiles") / path.name
        if not own.exists():
            own.parent.mkdir(exist_ok=True)
            own.write_text(
                f'extends = "{path.stem}"\n\n# What differs from the built-in profile goes here;\n'
                f"# `rotui profiles show {path.stem}` prints all of it.\n",
                encoding="utf-8",
            )
        path = own
    trouble = ""
    try:
        with app.suspend(), _interrupts_are_the_editors():
            try:
                subprocess.run([*words, str(path)], check=False)
            except OSError as error:  # told once the terminal is the console's again
                trouble = f"{words[0]}: {error.strerror} ($VISUAL and $EDITOR name the editor)"
    except SuspendNotSupported:
        trouble = "the editor cannot be opened on this terminal"
    if trouble:
        app.notify(printable(trouble), severity="error", markup=False)


@contextmanager
def _interrupts_are_the_editors() -> Iterator[None]:
    """Ctrl-C goes to the console's whole process group: while an editor has the terminal it is not for us."""
    try:
        before = signal.signal(signal.SIGINT, lambda *_: None)
    except ValueError:  # not in the main thread, where no signal arrives
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
