"""Down is free, up is never: the stairs of the house, drawn from the source and checked."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STDLIB = sys.stdlib_module_names

DOMAIN_FORBIDDEN = {"asyncio", "sqlite3", "logging", "socket", "threading", "subprocess", "time"}
SERVICES_FORBIDDEN = {"sqlite3", "socket", "cv2", "paho", "requests", "fastapi", "av"}


def imports(path: Path) -> set[str]:
    """Dotted names of everything a file imports, at any depth of nesting."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def files(folder: str) -> list[Path]:
    return [
        p for p in sorted((ROOT / folder).rglob("*.py")) if "node_modules" not in p.parts and "typings" not in p.parts
    ]


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def climbs(module: str, allowed: tuple[str, ...]) -> bool:
    return (module == "gateway" or module.startswith("gateway.")) and not any(
        module == a or module.startswith(a + ".") for a in (*allowed, "gateway.__version__")
    ) and module != "gateway"  # fmt: skip


@pytest.mark.parametrize("path", files("gateway/domain"), ids=names)
def test_the_domain_imports_the_standard_library_and_itself_only(path):
    for module in imports(path):
        top = module.split(".")[0]
        assert top in STDLIB or top in ("gateway", "__future__"), f"{names(path)} imports {module}"
        assert top not in DOMAIN_FORBIDDEN, f"{names(path)} imports {module}"
        assert not climbs(module, ("gateway.domain",)), f"{names(path)} climbs to {module}"


@pytest.mark.parametrize("path", files("gateway/services"), ids=names)
def test_services_import_domain_ports_and_the_lane_contract_only(path):
    for module in imports(path):
        assert module.split(".")[0] not in SERVICES_FORBIDDEN, f"{names(path)} imports {module}"
        assert not climbs(module, ("gateway.domain", "gateway.services")), f"{names(path)} climbs to {module}"
        if module.startswith("firmware"):
            assert module == "firmware.lane" or module.startswith("firmware.lane.contract"), (
                f"{names(path)} imports {module}"
            )


@pytest.mark.parametrize("path", files("gateway/adapters"), ids=names)
def test_an_adapter_imports_no_sibling_and_no_roof(path):
    relative = path.relative_to(ROOT / "gateway/adapters")
    own = "gateway.adapters." + relative.parts[0].removesuffix(".py")
    allowed = [own, "gateway.domain", "gateway.services.ports"]
    if relative.parts[0] == "web":
        allowed.append("gateway.services")
    for module in imports(path):
        assert module not in ("gateway.app", "gateway.config", "gateway.__main__"), f"{names(path)} climbs to {module}"
        if module in ("gateway.services", "gateway.adapters"):
            continue  # the package part of `from gateway.services import ports`; the full name is checked too
        assert not climbs(module, tuple(allowed)), f"{names(path)} imports {module}"


@pytest.mark.parametrize("path", files("gateway"), ids=names)
def test_only_the_store_speaks_sqlite_and_only_the_command_line_uses_tools(path):
    modules = imports(path)
    if "store" not in path.parts:
        assert "sqlite3" not in modules, names(path)
    if path.name not in ("__main__.py", "installer_commands.py"):
        assert not any(m.split(".")[0] == "tools" for m in modules), names(path)


@pytest.mark.parametrize("path", [*files("firmware/lane"), *files("firmware/boards")], ids=names)
def test_firmware_never_imports_the_gateway_or_what_only_cpython_has(path):
    for module in imports(path):
        top = module.split(".")[0]
        assert top not in ("gateway", "tools", "models", "typing", "dataclasses", "enum", "logging"), (
            f"{names(path)} imports {module}"
        )
        if top in ("machine", "network"):
            assert "boards" in path.parts, f"{names(path)} imports {module}; only boards/ may"


def test_the_safety_answer_depends_on_nothing():
    assert not {
        m for m in imports(ROOT / "firmware/lane/interlock.py") if m.split(".")[0] in ("asyncio", "time", "lane")
    }
