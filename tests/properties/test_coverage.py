"""Coverage says of each statement what losing it does: the slow twin drops it, plans again and judges again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from netpolicy.diagnostic import has_errors
from netpolicy.dsl.syntax import Verb
from netpolicy.flow.model import Plan
from netpolicy.flow.plan import plan
from netpolicy.packet.addresses import EVERYWHERE
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.ports import ANY_PORT
from netpolicy.policy.cluster import Node
from netpolicy.policy.model import Policy, Statement
from netpolicy.policy.resolve import resolve
from netpolicy.policy.selectors import address_set
from netpolicy.verify.coverage.score import coverage
from netpolicy.verify.promises import judge_promises
from tests.compiling import DAY
from tests.properties.test_both_ends import passing
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
        passing(one.inbound) & FlowSet.box(others, own, ANY_PORT),
        passing(one.virtual) & FlowSet.box(others, EVERYWHERE, ANY_PORT),
        passing(one.forward) & FlowSet.box(others, here, ANY_PORT),
        passing(one.outbound) & FlowSet.box(here, others, ANY_PORT),
    )


def resolved(text: str, cluster_text: str) -> Policy:
    policy, found = resolve([read(text, cluster_text)[0]], read(text, cluster_text)[1], DAY)
    assert not has_errors(found)
    return policy


CLUSTER = """
cluster: c
policy: ./p.netpol
networks: {admins: [198.51.100.0/24]}
nodes:
  web1: {roles: [web], interfaces: {eth0: [10.0.0.1, '2001:db8::1'], eth1: [203.0.113.1]}}
  web2: {roles: [web], interfaces: {eth0: [10.0.0.2, '2001:db8::2'], eth1: [203.0.113.2]}}
  db: {roles: [db, store], interfaces: {eth0: [10.0.0.9, '2001:db8::9']}}
  old: {roles: [old], interfaces: {eth0: [10.0.0.20]}}
"""
DECLARED = "role web, db, store, old\nnetwork admins\nforwarded service apps = tcp 41000-41009\n"
ANY_CASE = st.one_of(promised(), cases(promises=True, count=0))


def check(policy: Policy) -> None:
    """What coverage says of each statement is what the twin sees."""
    found, twin = coverage(policy), Twin(policy)
    listed = [one for each in found.statements for one in each.statements]
    assert {id(one) for one in listed} == {id(one) for one in policy.of(Verb.ALLOW, Verb.DENY)}
    for one in found.statements:
        noticed, changed = twin.without(one.statements)
        told = ({each.id for each in one.noticed_by}, not one.changes_nothing)
        assert told == (noticed, changed), one.text
    counted = [one for one in found.statements if not one.changes_nothing]
    assert (found.noticed, found.counted) == (sum(bool(one.noticed_by) for one in counted), len(counted))


@settings(max_examples=120, suppress_health_check=SLOW, deadline=None)
@given(ANY_CASE)
def test_coverage_says_what_dropping_each_statement_shows(case: Case) -> None:
    check(resolved(case.policy_text, case.cluster_text))


RARE = {
    "a_deny_of_a_range_closes_a_virtual_address_in_it": """
        option egress = enforced
        allow outside -> web@10.0.0.100 : tcp 80
        deny outside -> 10.0.0.96/28 : tcp 80 because "x"
        never outside -> web@10.0.0.100 : tcp 80
    """,
    "a_deny_of_a_range_refuses_published_ports_while_another_names_the_address": """
        option egress = enforced
        allow outside -> web : apps
        allow outside -> web@10.0.0.100 : tcp 80
        deny outside -> 10.0.0.96/28 : tcp 41000 because "x"
        never outside -> web@10.0.0.100 : tcp 41000
        never outside -> 10.0.0.100 : tcp 41000
    """,
    "a_never_about_a_range_is_about_a_virtual_address_in_it": """
        allow outside -> web@10.0.0.100 : tcp 80
        deny outside except admins -> web@10.0.0.100 : tcp 80 because "x"
        never outside except admins -> 10.0.0.96/28 : tcp 80
    """,
    "who_names_an_address_alone_takes_its_own_allow_along": """
        option egress = enforced
        allow outside -> web@10.0.0.100 : apps
        deny outside -> 10.0.0.96/28 : tcp 41000 because "x"
        never outside -> web@10.0.0.100 : tcp 41000
    """,
    "an_expect_that_its_sender_breaks_notices_nothing": """
        option egress = enforced
        allow all -> node web1@10.0.0.100 : tcp 80
        deny old -> node web2@10.0.0.100 : tcp 80 because "x"
        expect old -> node web1@10.0.0.100 : tcp 80
    """,
    "each_two_meet_and_all_three_do_not": """
        allow all -> db : tcp 22, 443
        deny old -> db : tcp 22, 80
        never old -> db : tcp 80, 444
        deny old -> db : tcp 443
        never old -> db : tcp 80, 443
        never web -> db : tcp 22
    """,
    "a_whole_node_is_more_than_its_parts": """
        allow outside -> web : apps
        allow outside -> web@eth0 : apps
        allow outside -> web@eth1 : apps
        deny admins -> web : apps because "x"
        never admins -> web@10.0.0.100 : apps
        expect outside except admins -> web : apps
    """,
    "containers_have_the_rights_of_a_whole_node": """
        option egress = enforced
        allow web -> admins : tcp 25
        allow web@eth0 -> admins : tcp 25
        allow web@eth1 -> admins : tcp 25
        expect web -> admins : tcp 25
    """,
    "who_alone_receives_need_not_send": """
        option egress = enforced
        allow all -> node web1@10.0.0.100 : tcp 80
        deny node web1 -> node web1@10.0.0.100 : tcp 80 because "x"
        expect all -> node web1@10.0.0.100 : tcp 80
        expect old -> node web1@10.0.0.100 : tcp 80
        never web -> node web1@10.0.0.100 : tcp 80
    """,
    "what_leaves_is_judged_where_it_leaves": """
        option egress = enforced
        allow all -> admins, web : tcp 25
        allow outside -> all : tcp 25
        deny old -> admins : tcp 1-100 because "x"
        never old -> admins : tcp 25
        never old -> 198.51.100.7 : tcp 25
        expect web, db -> admins : tcp 25
    """,
    "a_node_is_not_refused_to_itself": """
        allow db -> store : tcp 22
        allow all -> all : tcp 22
        deny db -> db : tcp 22 because "x"
        deny node web1 -> web : tcp 22 because "x"
        expect db -> store : tcp 22
        never node web1 -> web : tcp 22
        never db -> store : tcp 22
    """,
    "a_never_about_open_egress_is_broken_already": """
        allow all -> db : tcp 22
        deny web -> db : tcp 22
        never web -> db, admins : tcp 22
        never web -> admins, db : udp 22
    """,
}


@pytest.mark.parametrize("name", sorted(RARE))
def test_rare_cases(name: str) -> None:
    check(resolved(DECLARED + RARE[name], CLUSTER))


@settings(max_examples=80, suppress_health_check=SLOW, deadline=None)
@given(ANY_CASE)
def test_a_suggested_promise_holds_and_notices(case: Case) -> None:
    policy = resolved(case.policy_text, case.cluster_text)
    found = coverage(policy)
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
