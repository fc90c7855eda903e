"""`python -m tools.hardware`: writes the generated files of hardware/. `--check`: writes nothing, names what differs, exit status 1."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.hardware import data, drives, interpreters, ladders, plan, sensors, supply, tables
from tools.hardware.sheet import Sheet

HARDWARE = Path(__file__).parents[2] / "hardware"


def drawings() -> dict[str, Sheet]:
    """Every drawing by its file's name in hardware/drawings/."""
    found = {
        "power": supply.power(), "network": supply.network(), "safety": drives.safety(), "drive-contact": drives.contact(),
        "drive-direct": drives.direct(), "sensors": sensors.sensors(), "plan": plan.plan(),
    }  # fmt: skip
    for name in data.BOARDS:
        found[f"inputs-{name}"] = ladders.inputs(name)
        found[f"outputs-{name}"] = ladders.outputs(name)
        found[f"rs485-{name}"] = supply.rs485(name)
        found[f"cabinet-{name}"] = supply.cabinet(name)
    return found


def files() -> dict[str, str]:
    """Every generated file of hardware/, path and text."""
    made = {f"drawings/{name}.svg": sheet.svg() for name, sheet in drawings().items()}
    made |= {f"boards/{name}.md": tables.board(name) for name in data.BOARDS}
    made |= {f"interpreter/{name}.csv": interpreters.csv(name) for name in interpreters.ROWS}
    made |= {"interpreter/w5500_evb_pico.h": interpreters.header(), "interpreter.md": interpreters.page()}
    return made | {
        "bill-of-materials.md": tables.bill(), "bill-of-materials.csv": tables.bill_csv(), "cables.md": tables.cables(),
        "power.md": tables.supply(), "placement.md": tables.placement(), "failures.md": tables.failures(),
        "commissioning.md": tables.how_to(), "commissioning.html": tables.blank_sheet(),
    }  # fmt: skip


def main(args: list[str]) -> int:
    made = files()
    if args == ["--check"]:
        wrong = [
            p for p, text in made.items() if not (HARDWARE / p).is_file() or (HARDWARE / p).read_text("utf-8") != text
        ]
        print("\n".join(f"过时 stale: hardware/{path}" for path in wrong) or "一致 hardware/ is up to date")
        return 1 if wrong else 0
    if args:
        print(f"{' '.join(args)}: 未知参数 unknown; allowed is --check")
        return 2
    for path, text in made.items():
        (HARDWARE / path).parent.mkdir(parents=True, exist_ok=True)
        (HARDWARE / path).write_text(text, "utf-8")
    print(f"写入 wrote {len(made)} files to {HARDWARE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
