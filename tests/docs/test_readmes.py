"""What the READMEs say exists, exists; and the reverse for commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from gateway.__main__ import app

ROOT = Path(__file__).parents[2]
READMES = [
    p for p in [*ROOT.rglob("README.md"), ROOT / "firmware/TECHNICIAN.md"]
    if not {"node_modules", ".venv", ".venv-train", "typings", "demo-data"} & set(p.relative_to(ROOT).parts)
]  # fmt: skip


def commands() -> set[str]:
    group = typer.main.get_command(app)
    found = set()
    for name, command in group.commands.items():
        found |= {f"{name} {sub}" for sub in command.commands} if hasattr(command, "commands") else {name}
    return found


@pytest.mark.parametrize("readme", READMES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_linked_file_exists(readme):
    for target in re.findall(r"\]\(([^)#:]+)\)", readme.read_text(encoding="utf-8")):
        assert (readme.parent / target).exists(), f"{readme.relative_to(ROOT)} links to {target}"


def test_every_command_that_a_readme_shows_exists():
    known = commands()
    for readme in READMES:
        for words in re.findall(r"lvzha ([a-z-]+(?: [a-z][a-z-]*)?)", readme.read_text(encoding="utf-8")):
            assert words in known or words.split()[0] in known, f"{readme.relative_to(ROOT)} shows lvzha {words}"


def test_every_command_is_in_a_readme():
    text = "\n".join(p.read_text(encoding="utf-8") for p in READMES)
    missing = [c for c in commands() - {"version"} if f"lvzha {c}" not in text]
    assert not missing


def test_the_command_line_starts_without_the_tools_of_development():
    code = "import sys; sys.modules['tools'] = None; import gateway.__main__; print('ok')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.strip() == "ok", done.stderr
