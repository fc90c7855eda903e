"""How commands ended, until the link takes them; and the one command whose motion is under way. No allocation in a step."""


class Outcomes:
    """Terminal results of commands until the link takes them. Sixteen places; a motion has one command."""

    def __init__(self, places=16):
        self._id = [None] * places
        self._result = [None] * places
        self._reason = [None] * places
        self.count = 0
        self.lost = 0

    def put(self, command, result, reason):
        if self.count == len(self._id):
            self.lost += 1
            return
        self._id[self.count] = command
        self._result[self.count] = result
        self._reason[self.count] = reason
        self.count += 1

    def take(self):
        """Everything so far as a list of (id, result, reason), oldest first."""
        taken = [(self._id[i], self._result[i], self._reason[i]) for i in range(self.count)]
        self.count = 0
        return taken


class Owed:
    """The result that the barrier owes for the motion under way: exactly one, whatever happens."""

    def __init__(self, outcomes):
        self._outcomes = outcomes
        self._command = None
        self.goal = None  # "open", "closed" or "stopped"

    def owe(self, command, goal):
        """A new motion. One under way with another goal, or for another command, has failed: superseded."""
        if self._command is not None and (command is not None or goal != self.goal):
            self.pay("failed", "superseded")
        if command is not None:
            self._command = command
            self.goal = goal

    def pay(self, result, reason):
        """Report how the owed command ended; nothing when none is owed."""
        if self._command is not None:
            self._outcomes.put(self._command, result, reason)
            self._command = None
            self.goal = None
