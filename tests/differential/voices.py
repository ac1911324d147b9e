"""What each voice but the kernel says of a packet on its way, stop by stop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from netpolicy.lab.ask import Shape
from netpolicy.lab.judge import Stop
from netpolicy.lab.volley import Batch
from netpolicy.packet.packets import describe
from netpolicy.targets.iptables.decide import Decision, Verdict, decide
from netpolicy.targets.iptables.render import rule_text
from netpolicy.targets.iptables.rules import Ruleset
from tests.specification import Ruling, Specification


@dataclass(frozen=True, slots=True)
class Heard:
    """What the specification and `decide` say at a stop."""

    stop: Stop
    ruling: Ruling
    decision: Decision

    @property
    def rule(self) -> str:
        """The last rule that the packet met, or the chain that it ran out of."""
        last = self.decision.why[-1]
        told = "its end" if last.rule is None else rule_text(last.rule, self.stop.packet.family)
        return f"{last.chain} {told}"


class Voices:
    """Asks the specification, and the rules of each node as they were read back from their text."""

    def __init__(self, specification: Specification, loaded: Mapping[str, Ruleset], base: int) -> None:
        self.specification = specification
        self.loaded = loaded
        self.base = base

    def at(self, batch: Batch, place: int) -> Iterator[Heard]:
        """What is said at each stop."""
        for stop in batch.pair.stops(batch.questions[place], self.base):
            ruling = self.specification.deciding(stop.node, stop.packet)
            yield Heard(stop, ruling, decide(self.loaded[stop.node], stop.packet))

    def say(self, batch: Batch, place: int) -> tuple[bool, Verdict]:
        """Whether the packet arrives by the specification, and what becomes of it by its rules.

        Later fragments alone wait for the other part for ever.
        """
        lone = batch.questions[place].shape is Shape.LONE_FRAGMENT
        wanted, verdict = not lone, Verdict.DROP if lone else Verdict.ALLOW
        stopped = False
        for stop in batch.pair.stops(batch.questions[place], self.base):
            wanted = wanted and self.specification.admits(stop.node, stop.packet)
            if not stopped:
                here = decide(self.loaded[stop.node], stop.packet).verdict
                stopped = here is not Verdict.ALLOW
                verdict = here if stopped else verdict
        return wanted, verdict


def in_words(stop: Stop, base: int) -> str:
    """The packet and where it is judged; our own source ports, from `base` on, mean nothing and are left out."""
    packet = stop.packet
    return f"{describe(replace(packet, source_port=0) if packet.source_port >= base else packet)} at {stop.node}"
