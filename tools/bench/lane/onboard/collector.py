"""The `gc` module of the board: collecting takes the board's time, and is told of where it may not happen.

Importing it puts it in the place of the interpreter's own, so it comes before the firmware.
"""

import gc as real
import sys
import time


class Collector:
    def __init__(self):
        self.cost_us = 0
        self.busy = None  # told "garbage collection"
        self.is_enabled = True
        self.is_real = False  # collect really, and note what lives
        self.peak_bytes = 0

    def collect(self):
        if self.busy is not None:
            self.busy("garbage collection")
        if self.is_real:
            real.collect()
            alive = real.mem_alloc()
            if alive > self.peak_bytes:
                self.peak_bytes = alive
        time.spend(self.cost_us)

    def mem_free(self):
        return 1 << 20

    def mem_alloc(self):
        return 0

    def enable(self):
        self.is_enabled = True

    def disable(self):
        self.is_enabled = False

    def threshold(self, *_):
        return -1


collector = Collector()
sys.modules["gc"] = collector
