"""Statements that lint finds needless: without them every node lets the same packets pass, in every hook."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netpolicy.dsl.syntax import Verb
from netpolicy.flow.classes import classes
from netpolicy.packet.cover import Kind
from netpolicy.packet.diagram import Node, intersection
from netpolicy.pipeline import Pipeline
from netpolicy.policy.model import Policy, Statement
from netpolicy.verify.meaning import atoms, grids, meaning
from netpolicy.verify.needless import Needless, needless
from tests.compiling import compiled
from tests.draws import pick
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
LAST = date(2200, 1, 1)
EXTRA = (
    "allow all -> all : any",
    "deny all -> all : any",
    "allow all <-> all : tcp 1-65535, udp 1-65535",
    "allow all -> all : tcp 1-1000 expires 2090-01-01",
    "deny all -> all : tcp 1000-65535",
    "allow world -> all : any expires 2095-01-01",
    "allow all -> all : icmp echo-request log",
    "allow world -> all : tcp 1-1023",
    "allow world -> all : tcp 1024-65535",
)


@st.composite
def crowded(draw: st.DrawFn) -> Case:
    """A case with statements that cover much of the others."""
    case = draw(cases(count=0))
    count = draw(st.integers(0, 3))
    more = "".join(f"{pick(draw, EXTRA)}\n" for _ in range(count))
    return replace(case, policy_text=case.policy_text + more)


def pipeline_of(case: Case) -> Pipeline:
    return compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text})


def asked(policy: Policy) -> Needless:
    """Every statement judged, in the order of the policy."""
    said: dict[str, list[Statement]] = {}
    for one in policy.of(Verb.ALLOW, Verb.DENY):
        said.setdefault(one.id, []).append(one)
    return needless(policy, list(said.values()), lambda _: True)


def passing(policy: Policy, gone: Collection[str], day: date) -> list[Node]:
    """What each node lets pass in each hook on a day, without the statements of these ids; on axes of the whole."""
    lasting = [one for one in policy.statements if (one.attributes.expires or LAST) >= day and one.id not in gone]
    left = replace(policy, statements=tuple(lasting))
    known = atoms(policy)
    return [
        intersection(hook.wanted, hook.asked)
        for each in classes(policy, apart=True)
        for hook in meaning(left, each, grids(known, each.own))
    ]


def days(policy: Policy) -> Iterable[date]:
    return sorted({one.attributes.expires for one in policy.statements if one.attributes.expires} | {LAST})


def same(policy: Policy, gone: Collection[str]) -> bool:
    return all(passing(policy, gone, day) == passing(policy, (), day) for day in days(policy))


@settings(max_examples=150, suppress_health_check=SLOW)
@given(case=crowded())
def test_what_is_needless_can_go_at_once(case: Case) -> None:
    """All redundant statements together, each statement in conflict, and both."""
    policy = pipeline_of(case).policy
    assert policy is not None
    found = asked(policy)
    redundant = {one.statement.id for one in found.of(Kind.REDUNDANT)}
    conflicts = {one.statement.id for one in found.of(Kind.CONFLICT)}
    assert not found.given_up
    assert same(policy, redundant)
    assert all(same(policy, {one}) for one in conflicts)
    assert same(policy, redundant | conflicts)


@settings(max_examples=100, suppress_health_check=SLOW)
@given(case=crowded())
def test_who_is_to_blame_stays_and_is_needed(case: Case) -> None:
    """The blamed ones are among those that stay, and of several none can be left out."""
    policy = pipeline_of(case).policy
    assert policy is not None
    found = asked(policy)
    gone = {one.statement.id for one in found.found}
    for one in found.found:
        assert gone.isdisjoint(by.id for by in one.by)
        assert one.by
        blamed = [by.id for by in one.by]
        alone = replace(policy, statements=tuple(s for s in policy.statements if s.id in (one.statement.id, *blamed)))
        assert one.statement.id in {each.statement.id for each in asked(alone).found}
        for left_out in blamed if len(blamed) > 1 else ():
            fewer = replace(alone, statements=tuple(each for each in alone.statements if each.id != left_out))
            assert one.statement.id not in {each.statement.id for each in asked(fewer).found}
