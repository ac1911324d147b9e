"""Statements that others make needless, kind by kind: what is told, who is blamed, and what is left alone."""

import pytest

from netpolicy.diagnostic import Diagnostic
from netpolicy.lint import Context
from netpolicy.lint.redundant import check
from netpolicy.policy.model import Statement
from netpolicy.verify.needless import Needless
from tests.compiling import compiled
from tests.errors.diagnose import CLUSTER, POLICY, linted

NODES = """\
policy: ./policy.netpol
nodes:
  core: {roles: [primary], labels: [public], interfaces: {eth0: [10.0.0.1], eth1: [203.0.113.1]}}
  dea[1-2]: {roles: [dea], address: "10.0.0.[11-12]"}
  data: {roles: [mysql, redis], address: [10.0.0.21, "2001:db8::21"]}
  six: {roles: [cache], address: ["2001:db8::31"]}
"""
DECLARED = "role primary, dea, mysql, redis, cache\nlabel public\nforwarded service front = tcp 443\n"


def found(*statements: str) -> list[Diagnostic]:
    """What is told of these statements, in order of their places."""
    told = linted({CLUSTER: NODES, POLICY: DECLARED + "".join(f"{one}\n" for one in statements)})
    assert not [one for one in told if one.severity.value == "error"], told
    return [one for one in told if one.code in ("NP508", "NP509")]


def lines(*statements: str) -> list[tuple[str, ...]]:
    """Of each finding the code, the statement's number from 1 and the numbers of those to blame."""
    before = DECLARED.count("\n")
    return [(one.code, *(str(label.span.line - before) for label in one.labels)) for one in found(*statements)]


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["allow dea -> mysql : tcp 3306", "deny all -> mysql : tcp 1-65535"], [("NP508", "1", "2")]),
        (
            ["allow dea -> mysql : tcp 1-9", "deny dea -> mysql : tcp 1-4", "deny dea -> all : tcp 5-20"],
            [("NP508", "1", "2", "3")],
        ),
        (["allow dea -> mysql : tcp 1-9", "deny dea -> mysql : tcp 1-4", "deny dea -> mysql : tcp 6-20"], []),
        # Several allows together, and what denies take of it.
        (
            ["allow all -> mysql : tcp 1-4", "allow dea -> all : tcp 5-20", "allow dea -> mysql : tcp 2-9"],
            [("NP509", "3", "1", "2")],
        ),
        (
            ["deny dea -> mysql : tcp 5-20", "allow all -> mysql : tcp 1-4", "allow dea -> mysql : tcp 2-9"],
            [("NP509", "3", "1", "2")],
        ),
        (
            ["deny all -> mysql : tcp 1-4", "deny all -> mysql : tcp 5-9", "deny dea -> mysql : tcp 2-9"],
            [("NP509", "3", "1", "2")],
        ),
        # Roles on the same node; the first stays.
        (["allow dea -> mysql : tcp 7", "allow dea -> redis : tcp 7"], [("NP509", "2", "1")]),
        # One statement alone rather than two.
        (
            [
                "allow dea -> all : tcp 1-5",
                "allow all -> mysql : tcp 6-9",
                'allow all -> all : tcp 1-9 because "a"',
                "allow dea -> mysql : tcp 1-9",
            ],
            [("NP509", "1", "3"), ("NP509", "2", "3"), ("NP509", "4", "3")],
        ),
    ],
)
def test_joint_blame(statements: list[str], expected: list[tuple[str, ...]]) -> None:
    assert lines(*statements) == expected


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["allow dea -> mysql : tcp 7", 'allow dea <-> mysql : tcp 7 because "x"'], [("NP509", "1", "2")]),
        (["allow dea <-> mysql : tcp 7", "allow dea -> all : tcp 7"], []),
        (
            ["allow dea <-> mysql : tcp 7", "allow dea -> all : tcp 7", "allow mysql -> all : tcp 7"],
            [("NP509", "1", "2", "3")],
        ),
        (["allow dea <-> mysql : tcp 7", "deny dea -> mysql : tcp 7"], []),
        (["allow dea <-> mysql : tcp 7", "deny dea <-> mysql : tcp 7"], [("NP508", "1", "2")]),
    ],
)
def test_both_directions(statements: list[str], expected: list[tuple[str, ...]]) -> None:
    assert lines(*statements) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("expires 2030-01-01", "", []),
        ("", "expires 2030-01-01", [("NP509", "2", "1")]),
        ("expires 2030-01-01", "expires 2031-01-01", []),
        ("expires 2031-01-01", "expires 2030-01-01", [("NP509", "2", "1")]),
        ("", "log", []),
        ("log", "", [("NP509", "2", "1")]),
        ("log", "log", [("NP509", "2", "1")]),
    ],
)
def test_expiry_and_log(first: str, second: str, expected: list[tuple[str, ...]]) -> None:
    assert lines(f"allow all -> mysql : tcp 1-65535 {first}", f"allow dea -> mysql : tcp 7 {second}") == expected


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["allow dea -> mysql : tcp 7 expires 2029-01-01", "deny dea -> mysql : tcp 1-9"], [("NP508", "1", "2")]),
        (["allow dea -> mysql : tcp 7 log", "deny dea -> mysql : tcp 1-9"], [("NP508", "1", "2")]),
        (["deny all -> mysql : tcp 1-9", "deny dea -> mysql : tcp 7 log"], []),
        (["deny all -> mysql : tcp 1-9 log", "deny dea -> mysql : tcp 7"], [("NP509", "2", "1")]),
    ],
)
def test_denies_take_what_expires_or_logs(statements: list[str], expected: list[tuple[str, ...]]) -> None:
    assert lines(*statements) == expected


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        # Published by one of them only.
        (["allow all -> mysql : tcp 1-65535", "allow dea -> mysql : front"], []),
        (["allow all -> mysql : front", "allow dea -> mysql : tcp 443"], [("NP509", "2", "1")]),
        (["allow all -> mysql : front", "deny all -> mysql : tcp 443"], [("NP508", "1", "2")]),
        # A deny of one address of two does not take what is sent on for others.
        (
            [
                "allow all -> primary : front",
                'deny all -> 10.0.0.1 : tcp 443 because "x"',
                'deny all -> 203.0.113.1 : tcp 1-65535 because "x"',
            ],
            [],
        ),
        # Virtual addresses: who receives matters.
        (["allow all -> mysql@10.9.9.9 : tcp 1-65535", "allow dea -> mysql@10.9.9.9 : tcp 7"], [("NP509", "2", "1")]),
        (["allow all -> primary@10.9.9.9 : tcp 1-65535", "allow dea -> mysql@10.9.9.9 : tcp 7"], []),
        (["allow all -> mysql : tcp 1-65535", "allow dea -> mysql@10.9.9.9 : tcp 7"], []),
        (["allow dea -> mysql@10.9.9.9 : tcp 7", "deny dea -> primary@10.9.9.9 : tcp 1-65535"], []),
        (["allow dea -> mysql@10.9.9.9 : tcp 7", "deny dea -> mysql@10.9.9.9 : tcp 1-65535"], [("NP508", "1", "2")]),
        # A deny of the address by its network takes it from every receiver; a plain whom opens no virtual address.
        (
            [
                "allow dea -> mysql@10.9.9.9 : tcp 7",
                'deny dea -> 10.9.9.0/24 : tcp 1-9 because "x"',
                "option egress = enforced",
            ],
            [("NP508", "1", "2")],
        ),
        # What publishes a whole node publishes its virtual addresses too.
        (["allow all -> mysql : front", "allow dea -> mysql@10.9.9.9 : front"], []),
        (["allow all -> mysql, mysql@10.9.9.9 : front", "deny all -> mysql@10.9.9.9 : tcp 443"], []),
        (["allow all -> mysql@10.9.9.9 : front", "deny all -> mysql@10.9.9.9 : tcp 443"], [("NP508", "1", "2")]),
        # IPv6 only: the IPv4 half is covered, the other is not.
        (["allow 0.0.0.0/0 -> mysql : tcp 7", "allow world -> mysql : tcp 7"], [("NP509", "1", "2")]),
        (['allow ::/0 -> cache : tcp 7 because "x"', "allow world -> cache : tcp 7"], [("NP509", "2", "1")]),
        # Egress: what a sender may send is more than what nodes receive.
        (["allow dea -> outside : tcp 7", "allow dea -> all, outside : tcp 7"], []),
        (
            ["option egress = enforced", "allow dea -> outside : tcp 7", "deny dea -> world : tcp 1-9"],
            [("NP508", "2", "3")],
        ),
        (
            ["option egress = enforced", "allow dea -> all, outside : tcp 1-9", "allow dea -> outside : tcp 7"],
            [("NP509", "3", "2")],
        ),
        (["option egress = enforced", "allow all -> all : tcp 1-9", "allow all -> outside : tcp 7"], []),
    ],
)
def test_all_that_a_statement_opens(statements: list[str], expected: list[tuple[str, ...]]) -> None:
    assert lines(*statements) == expected


def test_what_is_said() -> None:
    (one,) = found("allow dea -> mysql : tcp 1-9", "deny dea -> mysql : tcp 1-4", "deny dea -> all : tcp 5-20")
    assert one.message == "this `allow` admits nothing in this cluster: 2 denies together take all of it"
    assert [label.text for label in one.labels] == ["", "these denies together take all of it", "and this one"]
    (one,) = found("allow dea -> mysql : tcp 7", "allow dea -> redis : tcp 7")
    assert one.message == "this `allow` opens only what others open in this cluster"


def test_shipped_statements_are_blamed_but_not_found() -> None:
    text = "policy: ./policy.netpol\nnodes: {core: {roles: [primary, controller, dea, router], address: 10.0.0.1}}\n"
    policy = 'include "als/extended.netpol"\nallow dea -> primary : tcp 7474\n'
    pipeline = compiled({"cluster.yaml": text, "policy.netpol": policy})
    (one,) = [one for one in pipeline._lint if one.code in ("NP508", "NP509")]
    assert [label.span.source.name for label in one.labels] == ["policy.netpol", "als/extended.netpol"]


def test_what_was_given_up_is_told() -> None:
    pipeline = compiled({"cluster.yaml": NODES, "policy.netpol": DECLARED + "allow dea -> mysql : tcp 7\n"})
    assert pipeline.policy is not None
    statements: tuple[Statement, ...] = pipeline.policy.statements
    answer = Needless((), statements, 1234)
    (one,) = check(Context(pipeline.policy, pipeline._context(pipeline.policy).names, (), _needless=[answer]))
    assert one.message.startswith("gave up after 1,234 steps on 1 statement:")
    assert one.span is not None
