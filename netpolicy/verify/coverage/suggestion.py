"""The text of promises that nobody wrote: in the words of a statement, or about one packet."""

from __future__ import annotations

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import Family, address_text
from netpolicy.packet.ports import PORTED, VALUE_BITS, VALUE_LAST, Protocol
from netpolicy.policy.model import Selection, Statement
from netpolicy.verify.coverage.boxes import Box
from netpolicy.verify.coverage.masks import bits
from netpolicy.verify.coverage.places import Benches

PROMISE = {Verb.ALLOW: Verb.EXPECT, Verb.DENY: Verb.NEVER}
"""What notices the loss of each."""


def of_statement(one: Statement, arrow: str) -> str:
    """`expect dea -> mysql : tcp 3306` for the allow that says so."""
    return f"{PROMISE[one.verb].value} {_words(one.who)} {arrow} {_words(one.whom)} : {one.what}"


def of_packet(verb: Verb, benches: Benches, family: Family, box: Box) -> str:
    """`expect 10.0.0.1 -> 10.0.0.9 : tcp 22`, of a box of incoming packets; nothing when none has a port."""
    firsts = benches.keys[family].firsts
    ported = next((firsts[atom] for atom in bits(box.keys) if firsts[atom] >> VALUE_BITS in PORTED), None)
    ends = benches.inbound(family).ends.pair(box)
    if ends is None or ported is None:
        return ""
    source, destination = _different(benches, family, *ends)
    service = f"{Protocol(ported >> VALUE_BITS).name.lower()} {ported & VALUE_LAST}"
    words = f"{address_text(family, source)} -> {address_text(family, destination)} : {service}"
    return f"{PROMISE[verb].value} {words}"


def _different(benches: Benches, family: Family, source: int, destination: int) -> tuple[int, int]:
    """Addresses of two atoms that are not of one node; some pair is not."""
    holders = benches.holders[family]
    stranger = [(benches.atoms[family].firsts[source], None)]
    return next(
        (one, other)
        for one, sender in holders.get(source, stranger)
        for other, receiver in holders[destination]
        if sender != receiver
    )


def _words(side: Selection) -> str:
    """The selector as it is written: its canonical text is not one that can be written everywhere."""
    written = side.span.text if side.span is not None else side.text
    return side.text if "#" in written else " ".join(written.split())
