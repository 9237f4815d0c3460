"""Options that stand before a command: directories hold for it too, the others are refused."""

from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from rotui.errors import InputError

PASSED_ON = ("runs_dir", "data_dir")
"""Parameters that hold for a command that they stand before."""


def value_or_from_before(
    context: typer.Context, parameter: typer.CallbackParam, value: Path | None
) -> Path | None:
    """The option's value, or the one typed before the command; both go before the environment's."""
    name, above = parameter.name or "", context.parent
    while above is not None and not _is_typed(context, name):
        if _is_typed(above, name):
            return Path(above.params[name])
        above = above.parent
    return value


def refuse_misplaced_options(context: typer.Context) -> None:
    """InputError where an option stands before a command that does not see it there."""
    group, name = context.command, context.invoked_subcommand
    command = group.get_command(context, name) if isinstance(group, TyperGroup) and name else None
    words = f"{context.command_path} {name}" if command is not None else context.command_path
    at: Any = context if command is not None else context.parent
    while at is not None:
        for parameter in at.command.params:
            own = parameter.name or ""
            is_taken = _has(group, own) if command is None else _takes(command, own)
            if _is_typed(at, own) and not (own in PASSED_ON and is_taken):
                allowed = "behind it" if is_taken else "what it takes"
                raise InputError(
                    f"{parameter.opts[0]}: stands before `{words}`, which does not see it there "
                    f"({allowed}: `{words} --help`)"
                )
        at = at.parent


def _is_typed(context: Any, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and bool(source.name == "COMMANDLINE")


def _has(command: object, name: str) -> bool:
    return any(parameter.name == name for parameter in getattr(command, "params", ()))


def _takes(command: object, name: str) -> bool:
    """Whether the command, or one of its own commands, has a parameter of that name."""
    return _has(command, name) or any(
        _takes(each, name) for each in getattr(command, "commands", {}).values()
    )
