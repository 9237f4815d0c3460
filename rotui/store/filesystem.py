"""Whether a folder lies on a network filesystem, where SQLite's shared memory does not work."""

from pathlib import Path

NETWORK_TYPES = {
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.glusterfs",
    "fuse.s3fs",
    "fuse.sshfs",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "orangefs",
    "panfs",
    "smb3",
    "smbfs",
}
MOUNTS = Path("/proc/self/mountinfo")


def is_network_filesystem(folder: Path, mounts: Path = MOUNTS) -> bool:
    """Whether the mount that holds `folder` is of a network type; false where the system does not tell."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return False
    resolved = folder.resolve()
    nearest, kind = Path(), ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = Path(_unescaped(fields[4]))
        if resolved.is_relative_to(point) and len(point.parts) >= len(nearest.parts):
            nearest, kind = point, after.split(" ")[0]
    return kind in NETWORK_TYPES


def _unescaped(text: str) -> str:
    """A mount point without the octal escapes that the kernel writes blanks and backslashes as."""
    for code in ("040", "011", "012", "134"):
        text = text.replace(f"\\{code}", chr(int(code, 8)))
    return text
