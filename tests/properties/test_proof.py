"""What is proved is true: the meaning of a policy as sets is what the specification says of each packet.

And the text of every class means it, whatever the policy and the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.packet.grid import Grid
from netpolicy.packet.packets import Packet, describe
from netpolicy.packet.packetset import PacketSet
from netpolicy.pipeline import Pipeline
from netpolicy.targets.iptables.admitted import address_sets, admitted
from netpolicy.verify.meaning import Hook, atoms, grids, meaning
from netpolicy.verify.prove import differences, strays, untold
from tests.compiling import compiled, read_back
from tests.specification import Specification
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def written(case: Case, *, inline: bool = False) -> Pipeline:
    return compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text}, inline=inline)


def hook_of(packet: Packet) -> str:
    match bool(packet.in_interface), bool(packet.out_interface):
        case True, True:
            return "FORWARD"
        case True, False:
            return "INPUT"
        case _:
            return "OUTPUT"


def placed(packet: Packet, grid: Grid) -> Packet:
    """The packet with the numbers that stand for its addresses."""
    original = packet.original_destination
    return replace(
        packet,
        source=grid.number(packet.source),
        destination=grid.number(packet.destination),
        original_destination=grid.last + 1 if original is None else grid.number(original),
    )


def within(hook: Hook, packet: Packet, axes: Mapping[Family, Grid]) -> tuple[bool, bool]:
    """Whether the packet is asked about, and whether it is wanted."""
    here = placed(packet, axes[packet.family])
    return (
        here in PacketSet.only(packet.family, hook.asked),
        here in PacketSet.only(packet.family, hook.wanted),
    )


@settings(max_examples=120, suppress_health_check=SLOW, deadline=None)
@given(cases(count=40), st.booleans())
def test_the_meaning_is_what_the_specification_says(case: Case, apart: bool) -> None:
    pipeline = written(case, inline=apart)
    policy = pipeline.policy
    assert policy is not None
    specification = Specification([case.policy], case.cluster)
    known = atoms(policy)
    for plan in pipeline.plans:
        axes = grids(known, plan.node_class.own)
        hooks = meaning(policy, plan.node_class, axes)
        for node, packet in case.packets:
            if node != plan.node_class.members[0]:
                continue
            hook = next(one for one in hooks if (one.family, one.name) == (packet.family, hook_of(packet)))
            asked, wanted = within(hook, packet, axes)
            if asked:
                told = specification.deciding(node, packet)
                assert wanted is told.admitted, f"{node} {describe(packet)} {told}"


@settings(max_examples=120, suppress_health_check=SLOW, deadline=None)
@given(cases(count=0), st.booleans())
def test_the_text_of_every_class_means_the_policy(case: Case, inline: bool) -> None:
    pipeline = written(case, inline=inline)
    policy = pipeline.policy
    assert policy is not None
    known = atoms(policy)
    for built, _ in pipeline.built():
        ruleset = read_back(built)
        unknown = untold(known, {family: list(address_sets(ruleset, family)) for family in FAMILIES})
        axes = grids(atoms(policy, unknown), built.node_class.own)
        found = list(differences(meaning(policy, built.node_class, axes), admitted(ruleset, axes), axes))
        assert not found, [f"{one.hook} {one.opened} {describe(one.witness)}" for one in found]
        assert not strays(policy, built.node_class, known)
