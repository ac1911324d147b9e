"""What a rehearsal expects of a packet is what the specification says of it, at each place where rules judge it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netpolicy.lab.ask import Question, Shape
from netpolicy.lab.pairs import Pair, Way
from netpolicy.lab.party import Kind, is_group
from netpolicy.lab.rehearse import Rehearsal, rehearsal
from netpolicy.lab.volley import EITHER, Batch
from netpolicy.packet.packets import State, describe
from netpolicy.packet.ports import Protocol
from tests import bundles
from tests.compiling import compiled
from tests.specification import Specification
from tests.strategies import Case, cases, read

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
ASKED = 400
"""Packets of a case that are looked at."""
SECOND = """
option refuse = reject
role web, db
network admins
forwarded service apps = tcp 41000
allow admins -> web : tcp 22, apps
allow node web2 -> db : tcp 3306
deny node web1 -> db : tcp 443 because "so"
allow web -> web : udp any
"""


def played(case: Case) -> Rehearsal:
    pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text})
    assert pipeline.policy is not None
    return rehearsal(pipeline.policy, [plan.node_class for plan in pipeline.plans])


def every(one: Rehearsal) -> list[tuple[Batch, int]]:
    return [(batch, place) for batch in one.batches for place in range(len(batch))]


def arrives(specification: Specification, pair: Pair, question: Question) -> bool:
    """The packet passes at every place, and is whole."""
    stops = list(pair.stops(question, 40_000))
    return question.shape is not Shape.LONE_FRAGMENT and all(
        specification.admits(stop.node, stop.packet) for stop in stops
    )


def answered(rejects: bool, pair: Pair, question: Question, arriving: bool) -> int:
    """What the sender hears: of the host where it arrives, else of rules that reject."""
    if arriving:
        elsewhere = pair.way in (Way.SPOOFED, Way.FORGED, Way.SERVED) or is_group(pair.destination)
        own = pair.way is Way.RECEIVED and pair.sender.kind is Kind.NODE
        return 1 if question.answered and not elsewhere and not own else EITHER
    if not rejects or (pair.way is Way.RECEIVED and pair.sender.kind is not Kind.NODE):
        return 0  # nobody sends for an address that no node declares
    kept = question.protocol in (Protocol.TCP, Protocol.UDP, Protocol.SCTP, Protocol.ICMP, Protocol.ICMPV6)
    if pair.way is Way.PLAIN and kept and question.state is not State.UNTRACKED:
        return int(question.state is State.NEW)
    return EITHER


def agree(specification: Specification, rejects: bool, asked: Iterator[tuple[Batch, int]]) -> None:
    for batch, place in asked:
        pair, question = batch.pair, batch.questions[place]
        arriving = arrives(specification, pair, question)
        told = "\n".join(f"{stop.node} {stop.hook} {describe(stop.packet)}" for stop in pair.stops(question, 40_000))
        assert bool(batch.arrives[place]) is arriving, f"{pair.way} {question}\n{told}"
        assert batch.answered[place] == answered(rejects, pair, question, arriving), f"{pair.way} {question}\n{told}"


@settings(max_examples=60, suppress_health_check=SLOW)
@given(cases(count=0), st.randoms(use_true_random=False))
def test_the_expectation_is_the_specifications(case: Case, chance: Random) -> None:
    one = played(case)
    asked = every(one)
    specification = Specification([case.policy], case.cluster)
    rejects = specification.options.get("refuse", "drop") == "reject"
    agree(specification, rejects, iter(chance.sample(asked, min(ASKED, len(asked)))))


@settings(max_examples=25, suppress_health_check=SLOW)
@given(cases(count=0))
def test_no_pair_is_left_out(case: Case) -> None:
    """Nodes, networks and the outside: every two addresses, in both directions, of which one is a node's."""
    one = played(case)
    ends = [(party, *of) for party in one.parties if party.kind is not Kind.CONTAINER for of in party.addresses]
    wanted = {
        (sender.name, source, receiver.name, destination)
        for sender, _, source in ends
        for receiver, _, destination in ends
        if sender is not receiver and source[0] is destination[0] and (sender.judges or receiver.judges)
    }
    plain = [batch.pair for batch in one.batches if batch.pair.way is Way.PLAIN]
    assert {(pair.sender.name, pair.source, pair.receiver.name, pair.destination) for pair in plain} == wanted
    nodes = {node.name: node.addresses for node in case.cluster.nodes}
    assert {party.name: tuple(of for _, of in party.addresses) for party in one.parties if party.judges} == nodes


@cache
def second(text: str) -> tuple[Specification, Rehearsal]:
    policy, cluster = read(text, bundles.CLUSTER)
    return Specification([policy], cluster), played(Case(text, bundles.CLUSTER, (), policy, cluster))


@pytest.mark.parametrize("text", [SECOND, bundles.POLICY], ids=["classes of one", "a class of two"])
def test_so_it_is_for_every_node_of_a_class_and_every_way(text: str) -> None:
    specification, one = second(text)
    agree(specification, text == SECOND, iter(every(one)))
    members = {batch.pair.receiver.name for batch in one.batches if 1 in batch.arrives and batch.pair.way is Way.PLAIN}
    assert {"web1", "web2", "db"} <= members


def test_every_way_of_a_policy_with_forwarded_services_is_asked() -> None:
    _, one = second(SECOND)
    assert {batch.pair.way for batch in one.batches} == set(Way) - {Way.BESIDE, Way.RECEIVED}
