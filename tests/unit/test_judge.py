"""What is told of statements that are about nothing."""

from netpolicy.diagnostic import Diagnostic, Severity
from tests.errors.diagnose import CLUSTER, POLICY, diagnose

ONE = "policy: ./policy.netpol\nnodes:\n  x: {roles: [a], address: 10.0.0.1}\n"


def told(*statements: str) -> list[Diagnostic]:
    policy = "".join(f"{one}\n" for one in ("role a, b, c", *statements))
    return [one for one in diagnose({CLUSTER: ONE, POLICY: policy}) if one.code == "NP302"]


def test_allows_with_the_same_empty_selector_are_one_notice() -> None:
    (one,) = told("allow a -> b : tcp 1", "allow b -> a : tcp 2", "allow all <-> b : tcp 3")
    assert (one.severity, one.notes) == (Severity.NOTICE, ("the same is true of 2 more allows",))
    assert one.span is not None and one.span.line == 2
    (one,) = told("allow a -> b : tcp 1", "allow b -> a : tcp 2")
    assert one.notes == ("the same is true of one more allow",)
    (one,) = told("allow a -> b : tcp 1")
    assert one.notes == ()


def test_other_selectors_and_every_promise_are_told_by_themselves() -> None:
    found = told("allow a -> b : tcp 1", "allow a -> c : tcp 1", "never a -> b : tcp 1", "expect b -> a : tcp 1")
    assert [(one.severity, one.span.text if one.span else "") for one in found] == [
        (Severity.NOTICE, "b"),
        (Severity.NOTICE, "c"),
        (Severity.WARNING, "b"),
        (Severity.WARNING, "b"),
    ]
    assert not any(one.notes for one in found)
