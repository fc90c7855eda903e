"""What update, receiver and trial share."""

import os


class Refused(Exception):
    """The image is not taken. `reason`: one word for update/status."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


def replace(path, text):
    """The file holds the whole text or what it held before, whatever happens to the supply."""
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)
