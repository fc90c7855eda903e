"""First file a board runs: watchdog, slot, every output to its safe level. No network. Never part of an update; main.py follows."""

import loader

loader.begin()
