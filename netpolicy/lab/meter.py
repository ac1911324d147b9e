"""The counters of a node's rules: which of them a packet met."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netpolicy.lab.post import LostError
from netpolicy.lab.space import Space, inside
from netpolicy.node.backend import Backend
from netpolicy.node.host import Host
from netpolicy.packet.family import Family

_RULE = re.compile(r"^\[(\d+):\d+\] (-A (\S+) .*)$", re.MULTILINE)
_LEADS = re.compile(r"-[jg] (?!RETURN\b|ACCEPT\b|DROP\b|REJECT\b)\S+")


@dataclass(frozen=True, slots=True)
class Counted:
    """A rule as the kernel prints it, and how many packets met it."""

    text: str
    chain: str
    packets: int

    @property
    def leads_on(self) -> bool:
        """True for a rule that sends a packet to another chain, or only writes of it."""
        return bool(_LEADS.search(self.text)) or " -j " not in self.text


def counters(host: Host, space: Space, backend: Backend, family: Family) -> tuple[Counted, ...]:
    """The rules of the filter table in the namespace, in order; a LostError where the tool does not print them."""
    with inside(space):
        answer = host.run(backend.tool(family, "save"), "-c", "-t", "filter")
    if answer.status:
        raise LostError(f"the counters of `{space.title}` cannot be read: {answer.why}")
    return tuple(Counted(text, chain, int(packets)) for packets, text, chain in _RULE.findall(answer.out))


def moved(before: Sequence[Counted], after: Sequence[Counted]) -> Iterator[Counted]:
    """The rules that were met meanwhile."""
    for old, new in zip(before, after, strict=True):
        if new.packets > old.packets:
            yield new
