"""Parts of the firmware that run on CPython too, for tests of the gateway that need the lane's own end of something."""

import sys
from pathlib import Path

_FIRMWARE = str(Path(__file__).parents[1] / "firmware")
if _FIRMWARE not in sys.path:
    sys.path.insert(0, _FIRMWARE)

from lane.roster import Roster as Roster  # noqa: E402 (the firmware's own import root, as on a board)
