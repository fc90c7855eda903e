"""A regulator for a module of tests, and one gate's uplink and ledger before it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from platform_site import PlatformSite
from uplink_bench import RegulatorProcess


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegulatorProcess]:
    running = RegulatorProcess(tmp_path_factory.mktemp("regulator"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def site(tmp_path: Path, running: RegulatorProcess) -> Iterator[PlatformSite]:
    running.clear_faults()
    site = PlatformSite(tmp_path, running)
    yield site
    running.clear_faults()
    site.close()
