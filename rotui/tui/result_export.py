"""A comparison as a file: every number in full, in the current directory and never over another file."""

import json
from pathlib import Path

from rotui.errors import StoreError
from rotui.results.export import to_csv, to_json, to_markdown
from rotui.results.rows import Comparison
from rotui.text import slug
from rotui.tui.exporting import SUFFIXES, Format, write_new


def write_results(comparison: Comparison, form: Format) -> Path:
    """Writes the comparison as `rotui results` prints it in that form and returns the file; StoreError."""
    try:
        folder = Path.cwd()
    except OSError as error:
        raise StoreError(f"the current directory is gone: {error.strerror}") from error
    return write_new(
        folder, f"results-{slug(comparison.experiment)}", SUFFIXES[form], _text(comparison, form)
    )


def _text(comparison: Comparison, form: Format) -> str:
    if form == "csv":
        return to_csv([comparison])
    if form == "markdown":
        return to_markdown(comparison)
    return json.dumps(to_json(comparison), indent=2) + "\n"
