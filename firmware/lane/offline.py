"""What may pass while the gateway is silent: a matrix of class and age of the outage. It may raise, and only that.

The class comes from the offline list; a vehicle that is not on it is `unlisted`, one that nobody could name `unknown`.
What is refused on the list stays refused. The matrix is settings `offline_<class>`: steps such as `allow:1440 hold`.
"""

from lane import contract
from lane.clock import since

EARLY_MS = 10000  # a camera may name a vehicle this long before the loop sees it
SAVE_EVERY_MIN = 15  # the age of an outage on flash: a reset makes it at most this much younger
_WORDS = {"allow": "raise", "hold": "hold", "guard": "guard"}


class OfflinePolicy:
    def __init__(self, settings, roster, age_min=0):
        """roster: lane.roster.Roster. age_min: how old the outage was when this lane was reset in it."""
        self._roster = roster
        self._matrix = {}
        self._heard_at = None  # lane ms; None: not heard in this boot
        self._age_before = age_min
        self._saved_min = age_min
        self._names = []  # [hash, text, source, confidence, ticks], newest last
        self.apply(settings)

    def apply(self, settings):
        self._matrix = {name: contract.offline_steps(settings["offline_" + name]) for name in contract.POLICY_CLASSES}
        self._least = settings["identity_min"]

    # ---- how long the gateway is silent ----

    def heard(self, ms):
        """The gateway speaks (lane ms)."""
        self._heard_at = ms
        self._age_before = 0

    def age_min(self, ms):
        """Minutes of the present outage, over resets."""
        return self._age_before + (ms - (self._heard_at or 0)) // 60000

    def age_to_save(self, ms):
        """The age if it should be put on flash now, else None."""
        age = 0 if self._heard_at is not None and ms - self._heard_at < 60000 else self.age_min(ms)
        if age == self._saved_min or 0 < age < self._saved_min + SAVE_EVERY_MIN:
            return None
        self._saved_min = age
        return age

    # ---- who it is ----

    def identify(self, message, now):
        """A plate or tag seen at the lane (a decoded identity message)."""
        if message["confidence"] < self._least:
            return
        text = contract.normal_form(message["plate"]) if "plate" in message else message["tag"]
        name = [contract.identity_hash("plate" in message, text), text, message["source"], message["confidence"], now]
        self._names = [other for other in self._names if other[0] != name[0]][-3:] + [name]

    def names(self):
        """Who the vehicle at the arm is said to be."""
        return self._names

    def forget(self, now, keep_ms):
        """Another vehicle is at the arm, or none: what was said longer than keep_ms ago was said of one that is gone."""
        self._names = [name for name in self._names if since(now, name[4]) < keep_ms]

    # ---- the decision ----

    def decide(self, ms):
        """Data of an offline.decision event. Two different names are none, but a refused one among them refuses."""
        names = self._names
        found = [self._class_of(name) for name in names]
        if "refused" in found:
            word, named = "refused", names[found.index("refused")]
        elif len(names) == 1:
            word, named = found[0], names[0]
        else:
            word, named = "unknown", None
        age = self.age_min(ms)
        decision = "refuse"
        if word != "refused":
            for verdict, until_min in self._matrix[word]:
                if until_min is None or age < until_min:
                    decision = _WORDS[verdict]
                    break
        data = {
            "decision": decision,
            "rule": "class" if word in ("unlisted", "unknown") else "list",
            "class": word,
            "age_min": age,
            "list": self._roster.version,
        }
        if named is not None:
            data["tag" if named[2] == "tag" else "plate"] = named[1][:16] if named[2] != "tag" else named[1]
            data["source"], data["confidence"] = named[2], named[3]
        return data

    def _class_of(self, name):
        listed = self._roster.look_up(name[0])
        if listed is None and name[2] != "tag" and contract.is_emergency_plate(name[1]):
            return "emergency"
        return listed or "unlisted"
