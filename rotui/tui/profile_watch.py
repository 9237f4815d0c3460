"""The profile files the console lists, and what tells that one of them was changed."""

from rotui.profile.finding import find_profiles, profile_folders
from rotui.profile.loading import load_found_profiles
from rotui.tui.widgets.profile_list import ListedProfile


def load_profiles() -> list[ListedProfile]:
    """Every profile there is, the bad ones with their faults; a second of the same name is left out."""
    return [ListedProfile(found, loaded) for found, loaded in load_found_profiles() if not found.hidden]


def profile_stamp() -> tuple[tuple[str, int, int], ...]:
    """What changes when a profile is written, added or removed."""
    stamps = []
    for path in [folder for _, folder in profile_folders()] + [found.path for found in find_profiles()]:
        try:
            told = path.stat()
        except OSError:
            continue
        stamps.append((str(path), told.st_mtime_ns, told.st_ino))
    return tuple(stamps)
