"""Shared by the fault tests: the processes that commands run in, and what an unbroken study ends with."""

from collections.abc import Iterator

import pytest
from studies import STUDY, Commands, digest


@pytest.fixture(scope="session")
def rotui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    commands = Commands(tmp_path_factory.mktemp("commands"))
    yield commands
    commands.close()


@pytest.fixture(scope="session")
def unbroken(rotui: Commands, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digest of the study that was never stopped."""
    runs = tmp_path_factory.mktemp("unbroken")
    assert rotui(*STUDY, runs=runs) == 0, rotui.log.read_text()
    told = digest(runs)
    assert set(told) == {"pretrain", "finetune-pretrained"}
    return told
