"""`lvzha coverage`: which requirement id is proven by which test or benchmark, and which ids are open.

The ids are in tests/requirements.toml. A proof is a `@pytest.mark.requirement("...")` on a test under tests/, or on a
benchmark under tools/bench, found by reading the source, so that nothing has to be run or imported.
"""

from __future__ import annotations

import ast
import json
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

PROOF_FOLDERS = ("tests", "tools/bench")


class UnknownRequirement(ValueError):
    """A test or benchmark names an id that is not in the list; the message says which and where."""


def load_ids(root: Path) -> dict[str, dict]:
    return tomllib.loads((root / "tests/requirements.toml").read_text(encoding="utf-8"))["ids"]


def proofs(root: Path) -> dict[str, list[str]]:
    """id -> "path::name" of everything that is tagged with it. Raises UnknownRequirement."""
    ids = load_ids(root)
    found: dict[str, list[str]] = defaultdict(list)
    for folder in PROOF_FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            for name, marks in _tagged(ast.parse(path.read_text(encoding="utf-8"))):
                for requirement in marks:
                    where = f"{path.relative_to(root)}::{name}"
                    if requirement not in ids:
                        raise UnknownRequirement(f"{where}: {requirement!r} is not in tests/requirements.toml")
                    found[requirement].append(where)
    return dict(found)


def _tagged(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            marks = [_ids(d) for d in node.decorator_list]
            yield node.name, [i for mark in marks for i in mark]
        elif isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets
        ):
            calls = [c for c in ast.walk(node.value) if isinstance(c, ast.Call)]
            yield "(whole file)", [i for c in calls for i in _ids(c)]


def _ids(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
        return [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return []


def report(root: Path, as_json: bool) -> int:
    """Print the table; 1 if the list or a tag is wrong."""
    try:
        ids, found = load_ids(root), proofs(root)
    except (OSError, UnknownRequirement) as error:
        print(error)
        return 1
    if as_json:
        rows = {
            i: {"area": row["area"], "proof": row["proof"], "proven_by": found.get(i, [])} for i, row in ids.items()
        }
        print(
            json.dumps(
                {"ids": len(ids), "tagged": len(found), "open": len(ids) - len(found), "rows": rows},
                ensure_ascii=False,
                indent=2,
            )
        )
        return 0
    table = Table(title=f"需求覆盖 requirement coverage: {len(found)} of {len(ids)} ids have a test or benchmark")
    for column in ("id", "area", "asked proof", "tested by"):
        table.add_column(column, overflow="fold")
    for i, row in ids.items():
        tests = found.get(i, [])
        shown = tests[0] + (f" (+{len(tests) - 1})" if len(tests) > 1 else "") if tests else "open"
        table.add_row(i, row["area"], row["proof"], shown, style=None if tests else "dim")
    Console().print(table)
    print(
        "A tag says that a test exercises the id; an id whose asked proof is a bench or a field is proven only there."
    )
    return 0
