"""What is left of a console when its screen is gone: the training, until it is done or told to end."""

from contextlib import suppress

from rotui.errors import RotuiError
from rotui.store.identity import read_identity
from rotui.store.ordering import in_turn
from rotui.store.session import look
from rotui.tui.departure import Departure
from rotui.tui.live.trainer import Trainer
from rotui.tui.workplace import Workplace

LOOK_SECONDS = 0.2
"""Time between two looks at whether a signal came."""


def finish(workplace: Workplace, trainer: Trainer, departure: Departure) -> None:
    """Waits for what is still trained; where the terminal was lost, until nothing is left that can begin, or
    the queue is paused. The event loop has ended."""
    if not departure.hung_up:
        trainer.stop()
    while True:
        while not trainer.join(LOOK_SECONDS):
            is_over = departure.hung_up and not trainer.current and _is_paused(workplace)
            if departure.is_asked_to_end or is_over:
                trainer.stop()
        goes_on = departure.hung_up and not departure.is_asked_to_end
        if not (goes_on and _train_on(workplace, trainer)):
            return


def _train_on(workplace: Workplace, trainer: Trainer) -> bool:
    """Has what came in meanwhile trained; False where nothing can begin."""
    if not workplace.trains or _is_paused(workplace):
        return False
    with suppress(RotuiError):  # a runs directory that cannot be read has nothing to train
        ready = {run.name for run in in_turn(look(workplace.runs_dir)[0])}
        return trainer.start(ready, trainer.seen + 1)
    return False


def _is_paused(workplace: Workplace) -> bool:
    with suppress(RotuiError):  # as long as nobody can tell it is not
        identity = read_identity(workplace.runs_dir)
        return identity is not None and identity.paused
    return False
