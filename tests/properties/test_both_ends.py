"""What goes from node to node leaves exactly where it arrives: a promise about it is judged at the receiver alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from netpolicy.dsl.syntax import PolicyFile
from netpolicy.flow.model import Effect, Flow
from netpolicy.flow.plan import plan
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.ports import ANY_PORT
from netpolicy.policy.cluster import Cluster
from netpolicy.policy.model import Egress
from netpolicy.policy.resolve import resolve
from netpolicy.policy.selectors import address_set
from tests.compiling import DAY
from tests.strategies import Case, cases, read

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


CLUSTER = """
cluster: c
policy: ./p.netpol
nodes:
  web: {roles: [web], interfaces: {eth0: [10.0.0.1, '2001:db8::1'], eth1: [10.1.0.1]}}
  db: {roles: [db], interfaces: {eth0: [10.0.0.9, '2001:db8::9']}}
"""
POLICY = """
role web, db
forwarded service apps = tcp 41000-41009
allow all -> db : tcp 1-100, apps
allow web <-> db@eth0 : udp 53
deny web@eth1 -> db : tcp 22 because "x"
deny db -> 10.1.0.0/24 : any because "x"
option egress = enforced
"""


def test_where_a_deny_takes_its_part() -> None:
    check(*read(POLICY, CLUSTER))


@settings(max_examples=60, suppress_health_check=SLOW, deadline=None)
@given(cases(count=0))
def test_what_leaves_for_a_node_is_what_it_receives(case: Case) -> None:
    check(case.policy, case.cluster)


def check(written: PolicyFile, cluster: Cluster) -> None:
    """Both ends of every pair of nodes admit the same."""
    policy = replace(resolve([written], cluster, DAY)[0], egress=Egress.ENFORCED)
    plans = {name: one for one in plan(policy) for name in one.node_class.members}
    for sender in policy.cluster.nodes:
        for receiver in policy.cluster.nodes:
            between = FlowSet.box(address_set(sender.addresses), address_set(receiver.addresses), ANY_PORT)
            leaving = passing(plans[sender.name].outbound) & between
            assert leaving == passing(plans[receiver.name].inbound) & between


def passing(flows: Iterable[Flow]) -> FlowSet:
    """What the flows admit."""
    allowed, denied = (
        FlowSet.union_all([FlowSet.box(one.sources, one.destinations, one.ports) for one in flows if one.effect is its])
        for its in (Effect.ALLOW, Effect.DENY)
    )
    return allowed - denied
