"""A dump of rules by others, as it was read: its filter table, its sets, and how much of it is understood."""

from __future__ import annotations

from dataclasses import dataclass

from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.normal import BUILT_IN
from netpolicy.targets.iptables.rules import AddressList, Chain, Ruleset, Table


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many rules of the filter table are known exactly; the others hang on a text that nobody interprets.

    A rule that decides nothing, such as one that logs, is exact whatever it matches. `texts` has each distinct text
    with the number of rules that hang on it, the most frequent first.
    """

    rules: int = 0
    opaque: int = 0
    texts: tuple[tuple[str, int], ...] = ()

    @property
    def exact(self) -> int:
        return self.rules - self.opaque

    def __str__(self) -> str:
        return f"{self.rules:,} rules: {self.exact:,} exact, {self.opaque:,} opaque"


@dataclass(frozen=True, slots=True)
class Dump:
    """The filter table of one family and the sets that its rules ask.

    The same text of an `Opaque` is taken for the same answer in all rules of one packet. Where a rule of the table
    changes what a later one asks (`-j MARK` before `-m mark`), or a match counts (`limit`, `recent`), that is an
    assumption.
    """

    family: Family
    table: Table
    sets: tuple[AddressList, ...]
    coverage: Coverage

    @property
    def ruleset(self) -> Ruleset:
        """The dump beside an empty table of the other family, which lets everything pass."""
        v4, v6 = (
            self.table
            if family is self.family
            else Table(family, tuple(Chain(name, (), "ACCEPT") for name in BUILT_IN))
            for family in (Family.V4, Family.V6)
        )
        return Ruleset(v4, v6, self.sets)
