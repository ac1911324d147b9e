"""What is told of two rulesets is what `decide` says of each packet on both sides."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netpolicy.packet.diagram import contains
from netpolicy.packet.family import FAMILIES
from netpolicy.packet.grid import Atoms, Grid
from netpolicy.packet.packetset import PacketSet, point
from netpolicy.targets.iptables.admitted import address_sets, admitted
from netpolicy.targets.iptables.decide import Verdict, decide, hook
from netpolicy.verify.diff.rules import rules_diff
from tests.properties.test_admitted import packets, rulesets
from tests.properties.test_proof import placed

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@settings(max_examples=60, suppress_health_check=SLOW, deadline=None)
@given(st.data())
def test_every_packet_that_changes_is_in_its_part(data: st.DataObject) -> None:
    old, new = data.draw(rulesets()), data.draw(rulesets())
    grids = {
        family: Grid(family, Atoms.of(family.last, [one for side in (old, new) for one in address_sets(side, family)]))
        for family in FAMILIES
    }
    parts = list(rules_diff(admitted(old, grids), admitted(new, grids), grids))
    asked = [data.draw(packets(family)) for family in FAMILIES for _ in range(10)]
    for packet in [*asked, *(one.witness for one in parts)]:
        before, after = (decide(side, packet).verdict is Verdict.ALLOW for side in (old, new))
        where = placed(packet, grids[packet.family])
        told = {
            one.opened
            for one in parts
            if (one.family, one.hook) == (packet.family, hook(packet)) and contains(one.packets, point(where))
        }
        assert told == (set() if before == after else {after})
    assert not list(rules_diff(PacketSet(), PacketSet(), grids))
