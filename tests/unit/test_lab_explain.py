"""What is said of a packet that fared otherwise: what each voice says, and who is to blame."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address
from typing import Any

import pytest

from netpolicy.diagnostic import render
from netpolicy.lab.ask import Question, Shape
from netpolicy.lab.explain import Disagreement, Explaining, packet_words
from netpolicy.lab.meter import Counted
from netpolicy.lab.pairs import Pair, Way
from netpolicy.lab.rehearse import Rehearsal, rehearsal
from netpolicy.lab.volley import EITHER, Batch, Odd
from netpolicy.node.backend import Backend
from netpolicy.node.bundle import Bundle
from netpolicy.packet.family import Family
from netpolicy.packet.packets import Packet
from netpolicy.packet.ports import Protocol
from tests import bundles
from tests.compiling import compiled


class Loaded:
    """The backend, of which alone a finding speaks."""

    backend = Backend.NFT


class Sent:
    base = 40_000


class Told(Explaining):
    """Explains without any namespace; the counters are those that it is given."""

    def __init__(self, one: Rehearsal, rules: dict[str, Bundle], met: Mapping[str, tuple[Counted, ...]]) -> None:
        nothing: Any = None
        loaded: Any = Loaded()
        sent: Any = Sent()
        super().__init__(one.judge, nothing, loaded, rules, sent)
        self.met = met

    def _met(self, odd: Odd, stops: object) -> dict[str, tuple[Counted, ...]]:
        return dict(self.met)


@cache
def played() -> Rehearsal:
    pipeline = compiled({"cluster.yaml": bundles.CLUSTER, "policy.netpol": bundles.POLICY})
    assert pipeline.policy is not None
    return rehearsal(pipeline.policy, [plan.node_class for plan in pipeline.plans])


def pair(sender: str, receiver: str) -> Pair:
    return next(
        batch.pair
        for batch in played().batches
        if (batch.pair.sender.name, batch.pair.receiver.name) == (sender, receiver)
        and batch.pair.way is Way.PLAIN
        and batch.pair.family is Family.V4
    )


def explained(
    port: int, arrives: int, arrived: bool, *, answered: int = EITHER, rules: str = bundles.POLICY, answer: bool = False
) -> Disagreement:
    batch = Batch(pair("web1", "db"), (Question(Protocol.TCP, port),), bytes([arrives]), bytes([answered]))
    met = {"db": (Counted("-A NP-IN-1 -p tcp -j RETURN", "NP-IN-1", 1), Counted("-A NP-IN-1 -j NP-IN-2", "NP-IN-1", 1))}
    ruled = {name: bundles.bundle(rules, node=name) for name in ("web1", "web2", "db")}
    return Told(played(), ruled, met).explain(Odd(batch, 0, arrived, answer))


WIDER = bundles.POLICY.replace("tcp 3306", "tcp 3306, tcp 3307")
NARROWER = bundles.POLICY.replace("tcp 3306", "tcp 3305")


@pytest.mark.parametrize(
    ("packet", "rules", "code", "hint"),
    [
        ((3307, 0, True), bundles.POLICY, "NP321", "the kernel does not do what its rules say"),
        ((3307, 0, True), WIDER, "NP321", "the rules do not say what the policy says"),
        ((3306, 1, False), bundles.POLICY, "NP322", "the kernel does not do what its rules say"),
        ((3306, 1, False), NARROWER, "NP322", "the rules do not say what the policy says"),
        ((3306, 1, True), bundles.POLICY, "NP323", "its answer did not come back"),
    ],
)
def test_codes_and_hints_tell_who_is_to_blame(packet: tuple[int, int, bool], rules: str, code: str, hint: str) -> None:
    port, arrives, arrived = packet
    told = explained(port, arrives, arrived, rules=rules, answered=1 if code == "NP323" else EITHER)
    assert told.finding.code == code
    assert told.finding.hint is not None
    assert told.finding.hint.startswith(hint)
    assert "iptables-nft" in told.finding.message
    assert f"`web1` -> `db`, tcp 10.0.0.1:40000 -> 10.0.0.9:{port}, new" in told.finding.message


def test_notes_say_what_each_voice_says_and_which_rule_decided() -> None:
    told = explained(3307, 0, True, answered=0, answer=True)
    assert (told.policy, told.kernel) == ("it is dropped", "it arrived, and was answered")
    assert [(one.stop.node, one.stop.hook, one.policy) for one in told.voices] == [
        ("web1", "OUTPUT", True),
        ("db", "INPUT", False),
    ]
    text = render(told.finding)
    assert "policy: it is dropped" in text
    assert "kernel: it arrived, and was answered" in text
    assert "INPUT of `db`: the policy refuses it; `decide`, of the rules as read, drops it" in text
    assert "INPUT of `db`: counted by `-A NP-IN-1 -p tcp -j RETURN`" in text
    assert "-j NP-IN-2" not in text, "what leads to another chain does not decide"
    assert "OUTPUT of `web1`" not in text, "it lets all pass"


def test_the_rule_that_refused_an_answer_is_shown() -> None:
    batch = Batch(pair("web1", "db"), (Question(Protocol.TCP, 3306),), bytes([1]), bytes([1]))
    met = {"web1": (Counted("-A NP-IN-2 -j DROP", "NP-IN-2", 1), Counted("-A NP-IN-2 -j RETURN", "NP-IN-2", 1))}
    ruled = {name: bundles.bundle(bundles.POLICY, node=name) for name in ("web1", "web2", "db")}
    notes = Told(played(), ruled, met).explain(Odd(batch, 0, True, False)).finding.notes
    assert "INPUT of `web1`: its answer was counted by `-A NP-IN-2 -j DROP`" in notes
    assert not any("RETURN" in one for one in notes)


def test_what_asks_for_a_packet_is_shown() -> None:
    told = explained(3306, 1, False)
    assert (told.policy, told.kernel) == ("it arrives", "it did not arrive")
    text = render(told.finding)
    assert "this allow asks for it" in text
    assert "allow web    -> db  : tcp 3306" in text


@pytest.mark.parametrize(
    ("wanted", "fared", "policy", "kernel"),
    [
        ((1, 1), (True, False), "it arrives, and is answered", "it arrived, and no answer came back"),
        ((0, 1), (False, False), "it is rejected", "it did not arrive"),
        ((0, 0), (False, True), "it is dropped", "it was rejected"),
        ((0, EITHER), (True, False), "it does not arrive", "it arrived, and no answer came back"),
    ],
)
def test_both_sides_in_words(wanted: tuple[int, int], fared: tuple[bool, bool], policy: str, kernel: str) -> None:
    told = explained(3306, wanted[0], fared[0], answered=wanted[1], answer=fared[1])
    assert (told.policy, told.kernel) == (policy, kernel)


def test_what_is_unusual_about_a_packet_is_said() -> None:
    one = Packet(Family.V4, int(ip_address("10.0.0.1")), int(ip_address("10.0.0.2")), Protocol.UDP, 53, 40_000)
    plain = packet_words(one, Question(Protocol.UDP, 53), Way.PLAIN)
    assert plain == "udp 10.0.0.1:40000 -> 10.0.0.2:53, new"
    odd = packet_words(one, Question(Protocol.UDP, 53, Shape.FRAGMENTS), Way.SPOOFED)
    assert odd == f"{plain}, in two fragments, with the source of another"
