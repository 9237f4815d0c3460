"""The rows of a resumed run's metrics.csv: what is trained again is held against what is on disk."""

from collections.abc import Sequence
from dataclasses import replace

from rotui.store.run_directory import RunDirectory
from rotui.study.records import EpochRecord


def same_numbers(one: EpochRecord, other: EpochRecord) -> bool:
    """Whether two records of an epoch are equal to the bit, their times and rates left out."""
    return repr(_timeless(one)) == repr(_timeless(other))


def _timeless(record: EpochRecord) -> EpochRecord:
    return replace(record, seconds=0.0, images_per_second=0.0)


class EpochJournal:
    """Writes epochs to a run's metrics.csv. A row that is there already is compared and, where it differs,
    replaced together with all after it; nothing is dropped before it has been trained again."""

    def __init__(self, directory: RunDirectory, on_disk: Sequence[EpochRecord] = ()) -> None:
        self._directory = directory
        self._on_disk = {record.epoch: record for record in on_disk}
        self._kept: list[EpochRecord] = []
        self.compared = 0
        self.differing = 0

    def add(self, record: EpochRecord, *, trained: bool = True) -> None:
        """Takes the next epoch: one that was just `trained`, or one that a checkpoint brought and that is
        added where a crash kept it from the disk. StoreError where it cannot be written."""
        there = self._on_disk.get(record.epoch)
        self.compared += trained and there is not None
        self._kept.append(record)
        if there is None:
            self._directory.append_epoch(record)
        elif not same_numbers(there, record):
            self.differing += 1
            self._directory.log(f"epoch {record.epoch} trained again differs from its row, which is replaced")
            self._on_disk.clear()
            self._directory.rewrite_epochs(self._kept)
