"""Second file a board runs, after boot.py: start the lane out of the slot that the loader chose. Never part of an update."""

import loader

loader.begin()
loader.run()
