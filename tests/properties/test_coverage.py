"""Coverage says of each statement what losing it does: the slow twin drops it, plans again and judges again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from netpolicy.diagnostic import has_errors
from netpolicy.dsl.syntax import Verb
from netpolicy.flow.model import Effect, Flow, Plan
from netpolicy.flow.plan import plan
from netpolicy.packet.addresses import EVERYWHERE
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.ports import ANY_PORT
from netpolicy.policy.cluster import Node
from netpolicy.policy.model import Policy, Statement
from netpolicy.policy.resolve import resolve
from netpolicy.policy.selectors import address_set
from netpolicy.verify.coverage import Coverage, coverage
from netpolicy.verify.promises import judge_promises
from tests.compiling import DAY
from tests.properties.test_promise_witness import promised
from tests.strategies import Case, cases, read

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


class Twin:
    """What coverage is, said slowly."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.promises = policy.of(Verb.NEVER, Verb.EXPECT)
        self.broken = self._broken(policy)
        self.passing = self._passing(policy)

    def without(self, lost: Sequence[Statement]) -> tuple[set[str], bool]:
        """The ids of the promises that notice the loss, and whether anything changes."""
        left = tuple(one for one in self.policy.statements if not any(one is each for each in lost))
        mutant = replace(self.policy, statements=left)
        return self._broken(mutant) - self.broken, self._passing(mutant) != self.passing

    def _broken(self, policy: Policy) -> set[str]:
        """The ids of the broken promises, each judged by itself."""
        plans = plan(policy)
        ruling = policy.of(Verb.ALLOW, Verb.DENY)
        return {
            one.id
            for one in self.promises
            if judge_promises(replace(policy, statements=(*ruling, one), demands=()), plans)
        }

    def _passing(self, policy: Policy) -> dict[str, tuple[FlowSet, ...]]:
        """What passes at each node, but from itself and to itself."""
        nodes = {node.name: node for node in policy.cluster.nodes}
        plans = plan(policy)
        return {name: _at(one, nodes[name], policy) for one in plans for name in one.node_class.members}


def _at(one: Plan, node: Node, policy: Policy) -> tuple[FlowSet, ...]:
    own = address_set(node.addresses)
    here, others = own | ~policy.nodes, ~own
    return (
        _passing(one.inbound) & FlowSet.box(others, own, ANY_PORT),
        _passing(one.virtual) & FlowSet.box(others, EVERYWHERE, ANY_PORT),
        _passing(one.forward) & FlowSet.box(others, here, ANY_PORT),
        _passing(one.outbound) & FlowSet.box(here, others, ANY_PORT),
    )


def _passing(flows: Iterable[Flow]) -> FlowSet:
    allowed, denied = (
        FlowSet.union_all([FlowSet.box(one.sources, one.destinations, one.ports) for one in flows if one.effect is its])
        for its in (Effect.ALLOW, Effect.DENY)
    )
    return allowed - denied


def resolved(text: str, cluster_text: str) -> Policy:
    policy, found = resolve([read(text, cluster_text)[0]], read(text, cluster_text)[1], DAY)
    assert not has_errors(found)
    return policy


def covered(case: Case) -> tuple[Policy, Coverage]:
    policy = resolved(case.policy_text, case.cluster_text)
    return policy, coverage(policy)


ANY_CASE = st.one_of(promised(), cases(promises=True, count=0))


@settings(max_examples=120, suppress_health_check=SLOW, deadline=None)
@given(ANY_CASE)
def test_coverage_says_what_dropping_each_statement_shows(case: Case) -> None:
    policy, found = covered(case)
    twin = Twin(policy)
    listed = [one for each in found.statements for one in each.statements]
    assert {id(one) for one in listed} == {id(one) for one in policy.of(Verb.ALLOW, Verb.DENY)}
    for one in found.statements:
        noticed, changed = twin.without(one.statements)
        told = ({each.id for each in one.noticed_by}, not one.changes_nothing)
        event(f"{one.statements[0].verb.value} noticed: {bool(noticed)}, changes: {changed}")
        assert told == (noticed, changed), one.text
    counted = [one for one in found.statements if not one.changes_nothing]
    assert (found.noticed, found.counted) == (sum(bool(one.noticed_by) for one in counted), len(counted))


@settings(max_examples=80, suppress_health_check=SLOW, deadline=None)
@given(ANY_CASE)
def test_a_suggested_promise_holds_and_notices(case: Case) -> None:
    policy, found = covered(case)
    before = len(judge_promises(policy, plan(policy)))
    suggested = [one.suggestion for one in found.statements if one.suggestion]
    after = resolved(case.policy_text + "".join(f"{line}\n" for line in suggested), case.cluster_text)
    assert len(judge_promises(after, plan(after))) == before
    again = {one.text: one for one in coverage(after).statements}
    for one in found.statements:
        event(f"suggested: {bool(one.suggestion)}")
        if one.suggestion:
            assert not one.noticed_by and not one.changes_nothing
            assert again[one.text].noticed_by, one.suggestion
