from pathlib import Path

import pytest

from rotui.store.filesystem import is_network_filesystem

ROOT = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a blank and a backslash in its name, which the kernel writes in octal."""
    folder = tmp_path / "my \\040 runs"
    folder.mkdir()
    return folder


def mounted(tmp_path: Path, *lines: str) -> Path:
    """A file as the kernel's mountinfo, with the lines below the root's."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text("\n".join((ROOT, *lines)) + "\n")
    return mounts


def line(point: Path, kind: str) -> str:
    escaped = str(point.resolve()).replace("\\", "\\134").replace(" ", "\\040")
    return f"36 21 0:31 / {escaped} rw,noatime shared:2 master:1 - {kind} server:/export rw,vers=4.2"


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "lustre", "ceph"])
def test_a_folder_on_a_network_mount_is_told(tmp_path: Path, folder: Path, kind: str) -> None:
    assert is_network_filesystem(folder, mounted(tmp_path, line(folder, kind)))
    assert is_network_filesystem(folder / "deeper" / "still", mounted(tmp_path, line(folder, kind)))


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuse.mergerfs", "zfs"])
def test_a_folder_on_a_local_mount_is_not(tmp_path: Path, folder: Path, kind: str) -> None:
    assert not is_network_filesystem(folder, mounted(tmp_path, line(folder, kind)))


def test_the_nearest_mount_counts(tmp_path: Path, folder: Path) -> None:
    local_in_network = mounted(tmp_path, line(tmp_path, "nfs4"), line(folder, "ext4"))
    assert not is_network_filesystem(folder, local_in_network)
    assert is_network_filesystem(tmp_path, local_in_network)
    listed_last = mounted(tmp_path, line(folder, "ext4"), line(tmp_path, "nfs4"))
    assert not is_network_filesystem(folder, listed_last)


def test_of_two_mounts_at_one_place_the_later_counts(tmp_path: Path, folder: Path) -> None:
    assert is_network_filesystem(folder, mounted(tmp_path, line(folder, "autofs"), line(folder, "nfs4")))
    assert not is_network_filesystem(folder, mounted(tmp_path, line(folder, "nfs4"), line(folder, "ext4")))


def test_a_neighbour_whose_name_begins_alike_does_not_count(tmp_path: Path, folder: Path) -> None:
    neighbour = tmp_path / "my"
    neighbour.mkdir()
    assert not is_network_filesystem(folder, mounted(tmp_path, line(neighbour, "nfs4")))


def test_a_link_is_followed_to_where_the_files_lie(tmp_path: Path, folder: Path) -> None:
    link = tmp_path / "runs"
    link.symlink_to(folder, target_is_directory=True)
    assert is_network_filesystem(link, mounted(tmp_path, line(folder, "nfs4")))


@pytest.mark.parametrize("broken", ["", "36 21 0:31", "36 21 0:31 / /x rw no dash", " - ", "\x00\xff - nfs4"])
def test_lines_that_make_no_sense_are_passed_over(tmp_path: Path, folder: Path, broken: str) -> None:
    assert is_network_filesystem(folder, mounted(tmp_path, broken, line(folder, "nfs4"), broken))
    assert not is_network_filesystem(folder, mounted(tmp_path, broken))


def test_bytes_that_are_no_text_are_passed_over(tmp_path: Path, folder: Path) -> None:
    mounts = mounted(tmp_path, line(folder, "nfs4"))
    mounts.write_bytes(b"36 21 0:31 / /\xff\xfe rw - nfs4 x rw\n" + mounts.read_bytes())
    assert is_network_filesystem(folder, mounts)


def test_a_system_that_does_not_tell_counts_as_local(tmp_path: Path, folder: Path) -> None:
    assert not is_network_filesystem(folder, tmp_path / "missing")
    assert not is_network_filesystem(folder, tmp_path)
