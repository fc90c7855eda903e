"""Everything of the lane contract is within a technician's reach, and the guide names the command: nothing needs another tool."""

import ast
import re
from pathlib import Path

import pytest
import typer

from firmware.lane import contract
from gateway.__main__ import app

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "firmware/TECHNICIAN.md").read_text("utf-8")
COMMANDS = ROOT / "gateway/adapters/technician/commands"


def commands() -> set[str]:
    """As they are typed after `lvzha lane`; those of `config` with it."""
    group = typer.main.get_command(app).commands["lane"]
    found = {name for name in group.commands if name != "config"}
    return found | {f"config {name}" for name in group.commands["config"].commands}


def said(function: str, place: int) -> set[str]:
    """The literal texts that the commands give to a function at this place."""
    calls = [
        node
        for path in COMMANDS.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == function
    ]
    return {a.value for call in calls if len(call.args) > place and isinstance(a := call.args[place], ast.Constant)}


def named_in_guide() -> set[str]:
    """Commands that the guide names; `config get` / `validate` / ... are written as one row."""
    found = {" ".join(words.split()[:2] if words.startswith("config ") else words.split()[:1])
             for words in re.findall(r"`?lvzha lane ((?:config )?[a-z-]+)", GUIDE)}  # fmt: skip
    row = next(line for line in GUIDE.splitlines() if line.startswith("| `lvzha lane config get` /"))
    return found | {f"config {name}" for name in re.findall(r"/ `([a-z]+)`", row)}


@pytest.mark.requirement("X-32")
def test_the_guide_names_every_command_and_only_such_as_there_are():
    assert named_in_guide() == commands()


@pytest.mark.requirement("X-32")
def test_every_message_of_the_contract_has_its_row_and_its_command():
    table = GUIDE.split("## Where each message")[1].split("\n## ")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    listed = {name for names, _ in rows for name in re.findall(r"`([a-z/-]+)`", names)}
    assert listed == set(contract.NAMES)
    for names, how in rows:
        assert re.search(r"`lvzha lane |every (?:order|question) above", how), names


@pytest.mark.requirement("X-32")
def test_every_operation_can_be_ordered():
    ordered = said("give_order", 2)
    assert ordered - {"config_history", "config_rollback"} == set(contract.OPERATIONS) - {"self_test"}
    assert "self_test" in said("put_question", 2), (
        "a technician asks the lane itself, and has the result of each sensor"
    )


@pytest.mark.requirement("X-32")
def test_every_question_can_be_asked(monkeypatch):
    own = said("put_question", 2) | said("ask", 1) | {"log"}
    refused = {"drive", "self_test", "log", "check_settings"}  # have arguments, and so commands of their own
    assert refused <= own and set(contract.QUESTIONS) - refused, "`ask` takes every other"
    from typer.testing import CliRunner

    monkeypatch.setattr(
        "gateway.adapters.technician.commands.looking.put_question", lambda *given, **_: asked.append(given[2])
    )
    asked: list[str] = []
    for question in contract.QUESTIONS:
        CliRunner().invoke(app, ["lane", "ask", "g1-b01", question])
    assert set(asked) == set(contract.QUESTIONS) - refused


@pytest.mark.requirement("X-32")
@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_every_input_and_output_has_a_name_a_person_reads(kind):
    from gateway.domain import lane_words

    for role in contract.ROLES if kind == "inputs" else contract.OUTPUTS:
        assert lane_words.ROLES.get(role), role
