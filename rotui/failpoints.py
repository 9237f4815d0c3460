"""Named places at which a test can have the process killed; outside of such a test they do nothing."""

import os
import signal
from collections import Counter

_reached: Counter[str] = Counter()


def reach(name: str) -> None:
    """Ends the process by SIGKILL at the N-th time that `name` is reached under ROTUI_FAILPOINT=name:N."""
    wanted, _, number = os.environ.get("ROTUI_FAILPOINT", "").partition(":")
    if name != wanted:
        return
    _reached[name] += 1
    if _reached[name] == int(number or 1):
        os.kill(os.getpid(), signal.SIGKILL)
