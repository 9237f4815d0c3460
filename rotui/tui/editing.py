"""A profile in the user's own editor, the console standing aside meanwhile."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from textual.app import App, SuspendNotSupported

from rotui.text import printable


def edit_file(app: App[int], path: Path, *, read_only: bool) -> None:
    """Opens `path` in $VISUAL or $EDITOR, else in the first of nano, vim and vi that there is.

    Of a file that came with rotui a copy in ./profiles is edited, where there is none of that name yet.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    words = shlex.split(editor) if editor else []
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
    try:
        with app.suspend():
            subprocess.run([*words, str(path)], check=False)
    except SuspendNotSupported:
        app.notify("the editor cannot be opened on this terminal", severity="error")
    except OSError as error:
        app.notify(printable(f"{words[0]}: {error.strerror}"), severity="error", markup=False)
