"""Every row of the matrix has a packet of which the rules, read back from their text, say that it passes."""

from __future__ import annotations

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from netpolicy.cli.audited import Audited
from netpolicy.policy.model import Egress
from netpolicy.report.audit.matrix import cells
from netpolicy.report.audit.witness import asked, keys_of
from netpolicy.verify.reachability import By, rows
from tests.compiling import compiled
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@settings(max_examples=30, suppress_health_check=SLOW, deadline=None)
@given(cases(count=0), st.booleans())
def test_every_service_has_a_packet_that_passes(case: Case, inline: bool) -> None:
    pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text}, inline=inline)
    policy = pipeline.policy
    assert policy is not None
    one = Audited(pipeline, asked(policy, pipeline.plans), keep=False)
    one.all()
    assert not one.proof.findings
    services = [each for cell in cells(one.asked, one.compiled.answers, {}) for each in cell.services]
    assert [each.row for each in services] == rows(policy, pipeline.plans, By.ROLE)
    for each in services:
        event(f"to {'a node' if each.asked.receiver else 'nobody' if each.asked.sender else '?'}")
        assert each.passes, (each.row, each.asked.stops, each.answers)
        # Who sends is asked where egress is judged, and where nobody else can be.
        asked_to_send = any(stop.packet.out_interface for stop in each.asked.stops)
        apart = each.asked.sender and each.asked.sender != each.asked.receiver
        assert asked_to_send == bool(apart and (policy.egress is Egress.ENFORCED or not each.asked.receiver))
        packet = each.asked.stops[0].packet
        assert any(first <= packet.key <= last for first, last in keys_of(each.row, packet.family))
