"""The legacy filter table as the kernel holds it: our chains, our jumps, and their counters."""

from __future__ import annotations

from dataclasses import dataclass

from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.rules import Rule

OURS = ("NETPOLICY-", "NP-")
"""What the names of our chains begin with."""
BUILT_IN = ("INPUT", "FORWARD", "OUTPUT")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A rule that has no value of ours: what can be said of it, and why it is not understood."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class LegacyRule:
    """A rule at its place in the chain (from 1), with the packets and bytes that it has matched."""

    number: int
    rule: Rule | Unreadable
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class LegacyChain:
    """A chain; of a built-in one only the rules that lead to our chains, each with its true number."""

    name: str
    policy: str
    rules: tuple[LegacyRule, ...]


@dataclass(frozen=True, slots=True)
class LegacyTable:
    """The filter table of one family: the built-in chains, then ours by name."""

    family: Family
    chains: tuple[LegacyChain, ...]

    def chain(self, name: str) -> LegacyChain | None:
        """The chain of that name, if it is there and ours or built in."""
        return next((chain for chain in self.chains if chain.name == name), None)


def is_ours(name: str, prefixes: tuple[str, ...] = OURS) -> bool:
    """True for a chain that may be read and written."""
    return name.startswith(prefixes)
