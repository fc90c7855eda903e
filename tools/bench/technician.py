"""What a technician's commands cost on a thin line: python -m tools.bench.technician [--bits 64000]

A real broker, gateway and lane on this machine, the laptop behind a line of so many bits per second each way. For each command:
seconds from start to exit status, of which the TLS connection takes the first part, and bytes on the line both ways, TLS included.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "versions LANE", "faults LANE", "io LANE", "show LANE", "test LANE", "log LANE", "config get LANE",
    "config validate LANE clear_ms=2000", "io LANE --drive siren --seconds 1", "io LANE --drive close",
    "set-mode LANE manual --why bench", "set-mode LANE automatic --why bench", "raise LANE --why bench", "lower LANE --why bench",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bits", type=int, default=64_000, help="of the line, each way, per second")
    bits = parser.parse_args().bits
    sys.path.insert(0, str(ROOT / "tests" / "integration"))
    import technician_bench as bench  # pyright: ignore[reportMissingImports] (of the tests' own folder)

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        site = bench.TechnicianSite(Path(folder), bits_per_s=8_000_000)
        try:
            site.wait_ready()
            site.line.bits_per_s = bits
            for command in COMMANDS:
                before, started = list(site.line.bytes), time.monotonic()
                status, doc = site.lane(*(bench.LANE if word == "LANE" else word for word in command.split()))
                spent = [now - then for now, then in zip(site.line.bytes, before, strict=True)]
                rows.append({
                    "command": command, "exit": status, "result": doc.get("result", "done"), "asked": doc.get("asked"),
                    "parts": doc.get("parts"), "seconds": round(time.monotonic() - started, 2), "bytes_up": spent[0],
                    "bytes_down": spent[1],
                })  # fmt: skip
        finally:
            site.close()
    print(json.dumps({"bits_per_s": bits, "commands": rows, "moves": site.plant.moves()}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
