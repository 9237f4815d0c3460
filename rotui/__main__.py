"""The command's first lines: Ctrl-C is handled before anything is imported that takes time."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Runs the command; an interrupt while its parts are imported ends it without a traceback."""
    try:
        from rotui.cli.main import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
