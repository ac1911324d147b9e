"""How a command on a node ends when it does not come to its end."""

from __future__ import annotations

from enum import IntEnum

from netpolicy.diagnostic import Diagnostic


class Ending(IntEnum):
    """What the kernel holds then; the number is the exit status."""

    REFUSED = 1  # untouched
    UNUSABLE = 2  # untouched: a tool, a privilege or a file is missing
    ROLLED_BACK = 3  # as before
    UNKNOWN = 4


class StoppedError(Exception):
    """It was stopped: what to tell a person, and what the kernel holds."""

    def __init__(self, ending: Ending, *found: Diagnostic) -> None:
        super().__init__("; ".join(one.message for one in found))
        self.ending = ending
        self.found = found
