"""What others on this machine refuse of what the policy admits. Our rules are in force all the same: it only warns."""

from __future__ import annotations

from netpolicy.diagnostic import Diagnostic
from netpolicy.node.findings import finding
from netpolicy.targets.iptables.live import Live
from netpolicy.targets.iptables.overruled import overruling
from netpolicy.targets.iptables.rules import Ruleset


def overruled(live: Live, wanted: Ruleset) -> list[Diagnostic]:
    """A warning for each policy (NP817) and each rule of others (NP819) that refuses whatever our chains give back."""
    return [finding(one, {}) for one in overruling(live, wanted)]
