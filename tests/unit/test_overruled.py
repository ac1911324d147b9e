"""What others refuse of what we admit is a warning: our rules are in force all the same."""

from __future__ import annotations

from netpolicy.diagnostic import Severity
from netpolicy.node.drift import Held, drift
from netpolicy.node.overruled import overruled
from tests.unit.test_drift import JUMP, behind, built, foreign_behind, policy
from tests.unit.test_drift_host import core


def test_each_is_a_warning_with_its_code() -> None:
    wanted, dump = built()
    refused = behind("-p tcp -j ACCEPT", "-j DROP")(policy(dump))
    assert [(one.code, one.severity) for one in overruled(refused.live, wanted)] == [
        ("NP819", Severity.WARNING),
        ("NP817", Severity.WARNING),
    ]
    assert overruled(dump.live, wanted) == []
    assert overruled(foreign_behind("-j f2b", "f2b -s 192.0.2.9/32 -j DROP")(dump).live, wanted) == []


def test_the_rule_is_named_and_shown() -> None:
    wanted, dump = built()
    (one,) = overruled(behind("-p tcp -j ACCEPT", "-j DROP")(dump).live, wanted)
    assert one.message == (
        "IPv4: rule 3 of `INPUT`, of others, refuses all that comes to it, and so what the policy admits;"
        " rules ahead of it may admit"
    )
    assert one.labels[0].span.text == "-A INPUT -j DROP"


def test_before_our_rules_are_loaded_all_rules_are_behind_our_jump() -> None:
    """What a preview of the first apply has to tell."""
    wanted, dump = built()
    (one,) = overruled(behind("-j DROP")(dump).without(JUMP).live, wanted)
    assert one.code == "NP819"


def test_the_rules_are_in_force_all_the_same() -> None:
    bundle, dump = core()
    refused = drift(Held(behind("-j DROP")(policy(dump)).live), bundle)
    assert [one.code for one in refused.found] == ["NP817", "NP819"]
    assert refused.in_force
