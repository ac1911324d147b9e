"""The two address families; a family is a value, never a second code path."""

from enum import IntEnum


class Family(IntEnum):
    """The IP version."""

    V4 = 4
    V6 = 6

    @property
    def bits(self) -> int:
        """The width of an address."""
        return 32 if self is Family.V4 else 128

    @property
    def last(self) -> int:
        """The greatest address, as an integer."""
        return (1 << self.bits) - 1


FAMILIES = (Family.V4, Family.V6)
