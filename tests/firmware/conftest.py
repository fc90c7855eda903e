"""The firmware's own import root, as on a board: `lane` and `boards` are top-level names there."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
for folder in (ROOT, ROOT / "firmware", ROOT / "tools/simulator/judge"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
