"""A count of work, so that a hard question ends in an honest answer instead of a long wait."""


class Steps:
    """How much work is left; a step is one box, or one stretch of one dimension, looked at once."""

    __slots__ = ("limit", "taken")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0

    def take(self, count: int) -> bool:
        """True if that much work was left, which is now taken; past the limit nothing more is given."""
        self.taken += count
        return self.taken <= self.limit

    @property
    def spent(self) -> bool:
        """True once more was asked for than there was."""
        return self.taken > self.limit
