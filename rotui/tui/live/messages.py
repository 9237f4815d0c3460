"""What the console's threads tell it."""

from textual.message import Message

from rotui.tui.live.snapshot import Snapshot


class SnapshotTaken(Message):
    """The feed has a newer snapshot; one that was not handled yet is replaced by it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest counts."""
        return isinstance(message, SnapshotTaken)


class TrainerChanged(Message):
    """The worker thread began, decodes, or has ended; told once however often it changed since."""

    def can_replace(self, message: Message) -> bool:
        """What it is now is read from it."""
        return isinstance(message, TrainerChanged)


class NoticeGiven(Message):
    """The worker thread has something to say."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__()
