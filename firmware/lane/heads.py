"""The newest signed ends of the gateway's ledger, kept where the gateway cannot reach: a ledger cut short contradicts them.

take(text) from `gateway` messages, "seq:hash"; save() at rest. RAM: KEPT texts of 84 bytes at most.
"""

import os

KEPT = 24  # one an hour: a day
PATH = "heads"


class Heads:
    def __init__(self):
        self.texts = []  # oldest first
        self._is_new = False
        try:
            with open(PATH) as f:
                self.texts = f.read().split()[-KEPT:]
        except OSError:
            pass

    def take(self, text):
        if text not in self.texts:
            self.texts.append(text)
            del self.texts[:-KEPT]
            self._is_new = True

    def save(self):
        """At rest: on flash if there is a new one; the file is whole or the one before."""
        if self._is_new:
            self._is_new = False
            with open(PATH + ".new", "w") as f:
                f.write("\n".join(self.texts))
            os.rename(PATH + ".new", PATH)
