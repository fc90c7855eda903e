"""What all tests share: the requirement tag is checked against the list of ids."""

import tomllib
from pathlib import Path

import pytest

IDS = set(tomllib.loads((Path(__file__).parent / "requirements.toml").read_text(encoding="utf-8"))["ids"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("requirement"):
            if unknown := [i for i in mark.args if i not in IDS]:
                raise pytest.UsageError(f"{item.nodeid}: requirement {unknown[0]!r} is not in tests/requirements.toml")
