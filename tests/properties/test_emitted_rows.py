"""The matrix of the emitted text is that of the plan, where rules know who is meant: nodes, and virtual addresses."""

from __future__ import annotations

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from netpolicy.packet.addresses import address_text
from netpolicy.readback import of_pipeline
from netpolicy.verify.emitted_rows import emitted_rows
from netpolicy.verify.reachability import By, Row, rows
from tests.compiling import compiled
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@settings(max_examples=60, suppress_health_check=SLOW, deadline=None)
@given(cases(count=0), st.booleans())
def test_the_text_has_the_rows_of_the_plan(case: Case, inline: bool) -> None:
    pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text}, inline=inline)
    policy = pipeline.policy
    assert policy is not None
    emitted, _ = of_pipeline(pipeline)
    assert emitted is not None
    for by in (By.ROLE, By.NODE):
        named = {node.name for node in case.cluster.nodes}
        if by is By.ROLE:
            named = {role.text for node in case.cluster.nodes for role in node.roles} | {"(no role)"}
        sides = [side for one in policy.statements for side in (one.who, one.whom)]
        virtual = {address_text(one.family, one.address) for side in sides for one in side.virtual}
        # A network of one address is a peer that rules know by no name.
        virtual -= {peer.name for side in sides for peer in side.peers}
        wanted = [row for row in rows(policy, pipeline.plans, by) if within(row, named, virtual)]
        event(f"{min(len(wanted), 3)} rows, {min(sum(row.destination in virtual for row in wanted), 1)} virtual")
        assert [row for row in emitted_rows(emitted, by) if within(row, named, virtual)] == wanted


def within(row: Row, named: set[str], virtual: set[str]) -> bool:
    """True for a row from nodes to nodes, or to a virtual address."""
    return row.source in named and (row.destination in named or row.destination in virtual)
