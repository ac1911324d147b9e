"""iptables: restore files for both families and a set file, for the legacy and the nf_tables variants alike."""

from __future__ import annotations

from collections.abc import Mapping

from netpolicy.diagnostic import Diagnostic
from netpolicy.flow.model import Plan
from netpolicy.packet.packets import Packet
from netpolicy.source import Source
from netpolicy.targets import Options
from netpolicy.targets.iptables.decide import Decision, decide
from netpolicy.targets.iptables.lower import lower
from netpolicy.targets.iptables.read import read
from netpolicy.targets.iptables.render import render
from netpolicy.targets.iptables.rules import Ruleset


class Iptables:
    """The iptables target."""

    name = "iptables"
    files = ("rules.v4", "rules.v6", "sets.ipset")

    def lower(self, plan: Plan, options: Options) -> tuple[Ruleset, list[Diagnostic]]:
        return lower(plan, options)

    def render(self, ruleset: Ruleset) -> dict[str, str]:
        return render(ruleset)

    def read(self, files: Mapping[str, Source]) -> tuple[Ruleset | None, list[Diagnostic]]:
        return read(files)

    def decide(self, ruleset: Ruleset, packet: Packet) -> Decision:
        return decide(ruleset, packet)


TARGET = Iptables()
