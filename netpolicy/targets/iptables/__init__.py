"""iptables: restore files for both families and a set file, for the legacy and the nf_tables variants alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netpolicy.diagnostic import Diagnostic
    from netpolicy.flow.model import Plan
    from netpolicy.packet.family import Family
    from netpolicy.packet.grid import Grid
    from netpolicy.packet.intervals import Intervals
    from netpolicy.packet.packets import Packet
    from netpolicy.packet.packetset import PacketSet
    from netpolicy.source import Source, Span
    from netpolicy.targets import Options
    from netpolicy.targets.iptables.decide import Decision
    from netpolicy.targets.iptables.rules import Ruleset


class Iptables:
    """The iptables target. A pass is imported where it is used: a node needs some of them, and must start quickly."""

    name = "iptables"
    files = ("rules.v4", "rules.v6", "sets.ipset")

    def lower(self, plan: Plan, options: Options) -> tuple[Ruleset, list[Diagnostic]]:
        from netpolicy.targets.iptables.lower import lower

        return lower(plan, options)

    def render(self, ruleset: Ruleset) -> dict[str, str]:
        from netpolicy.targets.iptables.render import render

        return render(ruleset)

    def read(self, files: Mapping[str, Source]) -> tuple[Ruleset | None, list[Diagnostic]]:
        from netpolicy.targets.iptables.read import read

        return read(files)

    def decide(self, ruleset: Ruleset, packet: Packet) -> Decision:
        from netpolicy.targets.iptables.decide import decide

        return decide(ruleset, packet)

    def deciding(self, ruleset: Ruleset, packet: Packet, files: Mapping[str, Source]) -> Span | None:
        from netpolicy.targets.iptables.decide import deciding
        from netpolicy.targets.iptables.read import RULES

        rule = deciding(ruleset, packet)
        return None if rule is None else files[RULES[packet.family]].whole_line(rule.line)

    def admitted(self, ruleset: Ruleset, grids: Mapping[Family, Grid] | None = None) -> PacketSet:
        from netpolicy.targets.iptables.admitted import admitted

        return admitted(ruleset, grids)

    def address_sets(self, ruleset: Ruleset, family: Family) -> Iterable[Intervals]:
        from netpolicy.targets.iptables.admitted import address_sets

        return address_sets(ruleset, family)

    def size(self, ruleset: Ruleset) -> int:
        return sum(len(chain.rules) for table in (ruleset.v4, ruleset.v6) for chain in table.chains)


TARGET = Iptables()
