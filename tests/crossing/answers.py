"""Who is told of a refusal: the answer of a REJECT is a packet of its own, which the rules judge on its way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from netpolicy.packet.family import Family
from netpolicy.packet.packets import ICMP_OF, SYN, Packet, State
from netpolicy.targets.iptables.decide import Verdict, decide
from netpolicy.targets.iptables.rules import Reject, Ruleset
from tests.crossing import places
from tests.crossing.probe import ECHO, RARE, TRANSLATED, Probe, Way, Which

_RST, _ACK = 0x04, 0x10
RESET = "tcp-reset"
_KINDS = {
    Family.V4: {"net-unreachable": 0, "host-unreachable": 1, "proto-unreachable": 2, "port-unreachable": 3,
                "net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13},
    Family.V6: {"no-route": 0, "adm-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4,
                "policy-fail": 5, "reject-route": 6},
}  # fmt: skip
_UNREACHABLE = {Family.V4: 3, Family.V6: 1}


def told(ruleset: Ruleset, probe: Probe, stops: Sequence[Packet]) -> bool | None:
    """True if the sender must hear of a refusal, False if it must not; None where it may, or nothing is refused."""
    for packet in stops:
        decision = decide(ruleset, packet)
        match decision.verdict:
            case Verdict.DROP:
                return False
            case Verdict.REJECT:
                rule = decision.why[-1].rule
                assert rule is not None and isinstance(rule.target, Reject)
                return _heard(ruleset, probe, packet, rule.target.how)
    return None


def _heard(ruleset: Ruleset, probe: Probe, packet: Packet, how: str) -> bool | None:
    if not _is_certain(probe):
        return None
    answers = (_reset(packet),) if how == RESET else tuple(_errors(probe, packet, how.split("-", 1)[1]))
    passing = {all(_passes(ruleset, stop) for stop in _stops(probe, answer)) for answer in answers}
    return passing.pop() if len(passing) == 1 else None


def _passes(ruleset: Ruleset, packet: Packet) -> bool:
    return decide(ruleset, packet).verdict is Verdict.ALLOW


def _is_certain(probe: Probe) -> bool:
    """True for packets of which the kernel tells, and of which the answer belongs to a connection that we know."""
    if probe.is_icmp and (probe.which is not Which.FIRST or probe.port != ECHO[probe.family][0] << 8):
        return False
    if probe.protocol in RARE:
        return False
    return probe.which in (Which.FIRST, Which.REPLY, Which.AGAIN) and probe.way not in (*TRANSLATED, Way.LOOP)


def _reset(packet: Packet) -> Packet:
    back = _back(packet)
    flags = _RST if packet.flags & _ACK else _RST | _ACK
    return replace(back, port=packet.source_port, source_port=packet.port, flags=flags)


def _errors(probe: Probe, packet: Packet, how: str) -> Iterator[Packet]:
    """The error by every address that the node may say it with."""
    family = packet.family
    back = replace(
        _back(packet),
        protocol=ICMP_OF[family],
        port=_UNREACHABLE[family] << 8 | _KINDS[family][how],
        source_port=0,
        flags=SYN,
        original_protocol=probe.protocol,
    )
    if probe.hears == "node":
        yield back
        return
    for low in (low for own in places.OWN.values() for low in own):
        yield replace(back, source=places.at(family, low))


def _back(packet: Packet) -> Packet:
    """A packet of the same connection that goes back from where that one was refused."""
    return replace(
        packet,
        source=packet.destination,
        destination=packet.source,
        state=State.RELATED,
        in_interface="",
        mac=None,
    )


def _stops(probe: Probe, answer: Packet) -> tuple[Packet, ...]:
    if probe.sender == "node":
        return (
            replace(answer, out_interface=places.LOOPBACK),
            replace(answer, in_interface=places.LOOPBACK, out_interface=""),
        )
    low = answer.destination & 0xFFFF
    return (replace(answer, out_interface=places.card_to(low)),)
