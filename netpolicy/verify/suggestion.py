"""The text of promises that nobody wrote: in the words of a statement, or about one packet."""

from __future__ import annotations

from collections.abc import Iterable

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import Family, address_text
from netpolicy.packet.ports import PORTED, VALUE_BITS, VALUE_LAST, Protocol
from netpolicy.policy.model import Selection, Statement
from netpolicy.verify.atoms import bits
from netpolicy.verify.boxes import Box
from netpolicy.verify.places import Benches

PROMISE = {Verb.ALLOW: Verb.EXPECT, Verb.DENY: Verb.NEVER}
"""What notices the loss of each."""


def of_statement(one: Statement, arrow: str) -> str:
    """`expect dea -> mysql : tcp 3306` for the allow that says so."""
    return f"{PROMISE[one.verb].value} {_words(one.who)} {arrow} {_words(one.whom)} : {one.what}"


def of_packet(verb: Verb, benches: Benches, family: Family, box: Box) -> str:
    """`expect 10.0.0.1 -> 10.0.0.9 : tcp 22`, of a box of incoming packets; nothing when none has a port."""
    firsts = benches.keys[family].firsts()
    ported = [firsts[atom] for atom in bits(box.keys) if firsts[atom] >> VALUE_BITS in PORTED]
    pair = benches.inbound(family).ends.pair(box)
    if pair is None or not ported:
        return ""
    nodes = benches.policy.cluster.nodes
    owners = {address: node.name for node in nodes for its, address in node.addresses if its is family}
    sources, destinations = (_addresses(benches, family, atom, owners) for atom in pair)
    service = f"{Protocol(ported[0] >> VALUE_BITS).name.lower()} {ported[0] & VALUE_LAST}"
    for source in sources:
        for destination in destinations:
            if source not in owners or owners[source] != owners[destination]:
                ends = f"{address_text(family, source)} -> {address_text(family, destination)}"
                return f"{PROMISE[verb].value} {ends} : {service}"
    return ""


def _addresses(benches: Benches, family: Family, atom: int, owners: Iterable[int]) -> list[int]:
    """The declared addresses of an atom, or the first address of one that has none."""
    atoms = benches.atoms[family]
    return [one for one in owners if atoms.at(one) == atom] or [atoms.firsts()[atom]]


def _words(side: Selection) -> str:
    """The selector as it is written: its canonical text is not one that can be written everywhere."""
    written = side.span.text if side.span is not None else side.text
    return side.text if "#" in written else " ".join(written.split())
