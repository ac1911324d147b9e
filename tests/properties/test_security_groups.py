"""Hosts and security groups admit the same first packets of a flow, whatever the policy and the cluster.

What is judged is the text of each cloud's file. `admitted` is compared with the plan of the hosts as sets, exactly;
`decide` with the specification, packet by packet. What clouds let pass by themselves (the baseline) is left out.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from netpolicy.diagnostic import has_errors, render
from netpolicy.flow.model import Effect, Flow
from netpolicy.packet.addresses import EVERYWHERE, AddressSet, Family
from netpolicy.packet.flowset import EVERYTHING, FlowSet
from netpolicy.packet.packets import Packet, State
from netpolicy.packet.ports import ANY_PORT, PortSet
from netpolicy.pipeline import Pipeline, clouds
from netpolicy.policy.cluster import Address
from netpolicy.policy.selectors import address_set
from netpolicy.securitygroups.fit import fit
from netpolicy.securitygroups.inventory import Inventory, Passing, Stop, inventory
from netpolicy.securitygroups.model import Direction
from netpolicy.source import Source
from netpolicy.targets import Cloud
from tests.compiling import compiled
from tests.specification import Specification
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
EVERY_CLOUD = pytest.mark.parametrize("cloud", clouds(), ids=lambda cloud: cloud.name)


def test_the_clouds_of_the_first_form_are_installed() -> None:
    assert {"aws", "neutron"} <= {cloud.name for cloud in clouds()}


def written(case: Case) -> Pipeline:
    return compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text})


def text_of(pipeline: Pipeline, cloud: Cloud) -> str | None:
    """The file of a cloud; None where it cannot say what the policy says."""
    files, found = pipeline.cloud_files([cloud])
    assert has_errors(found) is not bool(files), "an error writes nothing, and nothing but an error does"
    event(f"{cloud.name}: {'said' if files else ', '.join(sorted({one.code for one in found}))}")
    return next((one.text for one in files if one.name == cloud.name), None)


def read_back(text: str, cloud: Cloud) -> object:
    ruleset, found = cloud.read(Source(cloud.file, text))
    assert ruleset is not None, "\n".join(render(one) for one in found)
    return ruleset


def among(flows: tuple[Flow, ...], *, source: Address | None = None, destination: Address | None = None) -> FlowSet:
    """What flows admit from, or to, one address; the other end is what the set is about."""
    here = address_set([source or destination or (Family.V4, 0)])
    slot = FlowSet.box(here if source else EVERYWHERE, here if destination else EVERYWHERE, ANY_PORT)

    def packets(effect: Effect) -> FlowSet:
        boxes = [FlowSet.box(one.sources, one.destinations, one.ports) for one in flows if one.effect is effect]
        return FlowSet.union_all(boxes) & slot

    left = packets(Effect.ALLOW) - packets(Effect.DENY)
    return FlowSet.union_all(list(_without(left, sources=source is not None)))


def _without(left: FlowSet, *, sources: bool) -> Iterator[FlowSet]:
    """The set without one of its ends."""
    for family, comes, goes, keys in left.boxes():
        name = f"v{family.value}"
        other, ports = AddressSet(**{name: goes if sources else comes}), PortSet(**{name: keys})
        yield FlowSet.box(EVERYWHERE, other, ports) if sources else FlowSet.box(other, EVERYWHERE, ports)


def of_family(packets: FlowSet, family: Family) -> FlowSet:
    return FlowSet(v4=packets.v4) if family is Family.V4 else FlowSet(v6=packets.v6)


def agree_as_sets(case: Case, cloud: Cloud) -> None:
    """Every address of every node: in and out, the file admits what the plan of the hosts admits."""
    pipeline = written(case)
    text = text_of(pipeline, cloud)
    if text is None or pipeline.policy is None or pipeline.cluster is None:
        return
    plans = {name: plan for plan in pipeline.plans for name in plan.node_class.members}
    listed = cloud.admitted(read_back(text, cloud), inventory(pipeline.cluster))
    carried = {(node, one.attachment.interface): one for one in listed for node in one.attachment.nodes}
    for node in pipeline.cluster.nodes:
        plan = plans[node.name]
        for card in node.interfaces:
            passing = carried[node.name, card.name]
            for address in card.addresses:
                shown = f"{node.name} {card.name} {address}\n{text}"
                assert of_family(passing.ingress, address[0]) == among(plan.inbound, destination=address), shown
                open_ = plan.egress.value == "open"
                wanted = of_family(EVERYTHING, address[0]) if open_ else among(plan.outbound, source=address)
                assert of_family(passing.egress, address[0]) == wanted, shown


def stops(case: Case) -> Iterator[tuple[str, Packet, Stop]]:
    """The packets of a case that a security group judges: new ones, to or from an address of the node."""
    for name, packet in case.packets:
        node = next(one for one in case.cluster.nodes if one.name == name)
        coming = bool(packet.in_interface)
        if packet.dnat or (coming and packet.out_interface) or packet.state not in (State.NEW, State.UNTRACKED):
            continue
        own = (packet.family, packet.destination if coming else packet.source)
        for card in node.interfaces:
            if own in card.addresses:
                way = Direction.INGRESS if coming else Direction.EGRESS
                yield name, packet, Stop(name, card.name, way, packet)


def agree_on_packets(case: Case, cloud: Cloud) -> None:
    """Every packet of the case: the file admits it exactly when the specification does, the baseline aside."""
    pipeline = written(case)
    text = text_of(pipeline, cloud)
    if text is None or pipeline.cluster is None:
        return
    ruleset, addresses = read_back(text, cloud), inventory(pipeline.cluster)
    specification = Specification([case.policy], case.cluster)
    for name, packet, stop in stops(case):
        ruling = specification.deciding(name, packet)
        if not ruling.reason.startswith("baseline"):
            assert cloud.decide(ruleset, addresses, stop) is ruling.admitted, f"{packet} {ruling}\n{text}"


@EVERY_CLOUD
@settings(max_examples=150, suppress_health_check=SLOW)
@given(case=cases(count=0))
def test_groups_admit_what_the_hosts_admit(cloud: Cloud, case: Case) -> None:
    agree_as_sets(case, cloud)


@EVERY_CLOUD
@settings(max_examples=80, suppress_health_check=SLOW)
@given(case=cases(count=25))
def test_groups_decide_as_the_policy_says(cloud: Cloud, case: Case) -> None:
    agree_on_packets(case, cloud)


@EVERY_CLOUD
@settings(max_examples=60, suppress_health_check=SLOW)
@given(case=cases(count=0), most=st.integers(2, 3))
def test_merged_groups_admit_the_same(cloud: Cloud, case: Case, most: int) -> None:
    pipeline = written(case)
    form, _ = pipeline.form
    if form is None or pipeline.cluster is None:
        return
    addresses = inventory(pipeline.cluster)
    fitted = fit(form, most)
    assert all(len(one.groups) <= most for one in fitted.attachments)
    lowered = (cloud.lower(one, addresses)[0] for one in (form, fitted))
    before, after = (by_card(cloud.admitted(one, addresses), addresses) for one in lowered)
    assert before == after


def by_card(listed: list[Passing], addresses: Inventory) -> dict[tuple[str, str, Family], tuple[FlowSet, FlowSet]]:
    """What each interface admits in the families in which it has an address: no other packet comes there."""
    return {
        (node, card, family): (of_family(one.ingress, family), of_family(one.egress, family))
        for one in listed
        for node, card in ((node, one.attachment.interface) for node in one.attachment.nodes)
        for family in {family for family, _ in addresses[node, card]}
    }


@EVERY_CLOUD
@settings(max_examples=40, suppress_health_check=SLOW)
@given(case=cases(count=0))
def test_what_is_read_back_is_what_was_lowered(cloud: Cloud, case: Case) -> None:
    pipeline = written(case)
    form, _ = pipeline.form
    if form is None or pipeline.cluster is None:
        return
    lowered, limits = cloud.lower(form, inventory(pipeline.cluster))
    if not has_errors(limits):
        assert read_back(cloud.render(lowered), cloud) == lowered
