"""The errors a user can cause or meet, each with the exit code that the command line ends with."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process's exit status says; the README prints this table."""

    DONE = 0
    RUN_FAILED = 1
    BAD_INPUT = 2
    DATA = 3
    DEVICE = 4
    STORE = 5
    INTERRUPTED = 130
    TERMINATED = 143


class RotuiError(Exception):
    """Base of every expected error: its text is shown to the user as it is, without a traceback."""

    exit_code: ExitCode = ExitCode.RUN_FAILED
    names_its_place: bool = False
    """Whether each line begins with a file and a line, as compilers write them, and takes no prefix."""


class InputError(RotuiError):
    """A profile, an option or a name that cannot be used."""

    exit_code = ExitCode.BAD_INPUT


class DataError(RotuiError):
    """A dataset that is missing, damaged or unfit for what was asked."""

    exit_code = ExitCode.DATA


class DeviceError(RotuiError):
    """A device that was asked for and is not there."""

    exit_code = ExitCode.DEVICE


class StoreError(RotuiError):
    """A run directory that cannot be written or read."""

    exit_code = ExitCode.STORE


class DiskFullError(StoreError):
    """A file that found no room: the disk is full, or its owner's quota is."""


class RunFailedError(RotuiError):
    """A run that started and could not be finished, such as a loss that is not finite."""


class StoppedError(RotuiError):
    """A run that was asked to stop and did, at the end of a training step."""

    exit_code = ExitCode.INTERRUPTED
