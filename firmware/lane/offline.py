"""What may pass while the gateway is silent: the list, then the class rule, else hold. It may raise, and only that.

This board holds no list yet (version 0); the class rule comes from the lane's settings, its default is `hold`.
"""

SETTLE_MS = 3000  # an identity may still come for a vehicle that has just arrived


class OfflinePolicy:
    def __init__(self, class_rule):
        """class_rule: "hold" or "raise", for a vehicle whose identity the lane does not know."""
        self._class_rule = class_rule
        self.list_version = 0

    def decide(self):
        """(decision, rule): "raise" or "hold", and which rule said so."""
        if self._class_rule == "raise":
            return "raise", "class"
        return "hold", "default"
