"""Where profiles lie and which one a name means: the project's, then the user's, then the built-in ones."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

import rotui

Origin = Literal["project", "user", "built in"]


@dataclass(frozen=True)
class FoundProfile:
    """A profile file by the name it answers to. `hidden` says that another of that name goes before it."""

    name: str
    path: Path
    origin: Origin
    hidden: bool = False


def built_in_folder() -> Path:
    """The folder of the built-in profiles: package data, or the one beside the package in a checkout."""
    package = Path(rotui.__file__).parent
    packaged = package / "builtin_profiles"
    return packaged if packaged.is_dir() else package.parent / "profiles"


def profile_folders() -> list[tuple[Origin, Path]]:
    """The folders that are searched, in order; a folder that is two of them is the built-in one."""
    folders: list[tuple[Origin, Path]] = [
        ("project", Path("profiles")),
        ("user", platformdirs.user_config_path("rotui") / "profiles"),
        ("built in", built_in_folder()),
    ]
    built_in = identity(folders[-1][1])
    return [(origin, path) for origin, path in folders[:-1] if identity(path) != built_in] + folders[-1:]


def identity(path: Path) -> str:
    """The file a path leads to, by a text that is equal for equal files; of a path that cannot be, itself."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return str(path)


def find_profiles() -> list[FoundProfile]:
    """Every profile file there is, valid or not, sorted by name within its origin."""
    found: list[FoundProfile] = []
    for origin, folder in profile_folders():
        before = {profile.name for profile in found}
        for path in _profiles_in(folder):
            found.append(FoundProfile(path.stem, path, origin, path.stem in before))
    return found


def _profiles_in(folder: Path) -> list[Path]:
    """The profile files of a folder; none where it is not there or may not be read."""
    try:
        return sorted(entry for entry in folder.iterdir() if entry.suffix == ".toml")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def is_path(name: str) -> bool:
    """Whether an argument means a file rather than a profile's name."""
    return name.endswith(".toml") or any(mark in name for mark in (os.sep, os.altsep) if mark)


def paths_named(name: str) -> list[Path]:
    """The files that `name` can mean, the first that counts first."""
    return [profile.path for profile in find_profiles() if profile.name == name]
