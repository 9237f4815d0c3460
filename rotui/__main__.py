"""The command's first lines: Ctrl-C is handled before anything is imported that takes time."""

import os
import signal

INTERRUPTED = 130


def main() -> None:
    """Runs the command. An interrupt while its parts are imported ends it at once: nothing can be lost yet,
    and Python may swallow an exception raised there."""
    handled = signal.getsignal(signal.SIGINT)
    if handled is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    from rotui.cli.main import main as command

    signal.signal(signal.SIGINT, handled)
    command()


if __name__ == "__main__":
    main()
