"""The sha256 of a run's weights, by which damage is told before anything starts from them."""

import hashlib
from pathlib import Path

from rotui.store.layout import MODEL


def weights_are_whole(run: Path, sha256: str) -> bool:
    """Whether the weights in the run's directory are those its state vouches for. Where it vouches for none,
    or they cannot be read, false only for the latter."""
    try:
        with (run / MODEL).open("rb") as file:
            return not sha256 or hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False
