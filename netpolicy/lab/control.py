"""What must arrive while no rules are in force: else silence says nothing about rules that refuse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from netpolicy.lab.ask import Question, Shape
from netpolicy.lab.post import LostError
from netpolicy.lab.volley import EITHER, Batch, Odd
from netpolicy.packet.addresses import address_text

SPARE = len(Shape)
"""How many source ports a control has."""


def control(batches: Sequence[Batch], first_port: int) -> Iterator[Batch]:
    """For each pair the first question, for each of its ends the first of every protocol and shape: all are to arrive.

    What hosts do to a protocol or a shape by themselves they do to all that go or come by an interface. The packets
    come from ports of their own, the first of which is given: an address translation remembers them.
    """
    known: dict[int, tuple[Question, ...]] = {}
    met: set[tuple[object, ...]] = set()
    for batch in batches:
        asked, pair = id(batch.questions), batch.pair
        if asked not in known:
            known[asked] = tuple(_firsts(batch.questions, first_port))
        here, there = (pair.sender, pair.card), (pair.hears, pair.arrives)
        ends = {(pair.way, pair.family, place, *end) for place, end in enumerate((here, there))}
        questions = known[asked] if ends - met else known[asked][:1]
        met |= ends
        yield Batch(batch.pair, questions, bytes([1]) * len(questions), bytes([EITHER]) * len(questions))


def _firsts(questions: Sequence[Question], first_port: int) -> Iterator[Question]:
    found: dict[tuple[int, Shape], Question] = {}
    for one in questions:
        if one.shape is not Shape.LONE_FRAGMENT:  # waits for its other part in vain
            found.setdefault((one.protocol, one.shape), one)
    return (replace(one, source_port=one.source_port or first_port + one.shape.place) for one in found.values())


def require_open(odd: Sequence[Odd]) -> None:
    """Nothing; a LostError tells the first of the packets that did not arrive though no rules are in force."""
    if not odd:
        return
    first = odd[0]
    pair, question = first.batch.pair, first.question
    ends = f"{address_text(*pair.source)} to {address_text(*pair.destination)}"
    way = f", {pair.way.value}" if pair.way.value else ""
    more = f", and {len(odd) - 1:,} more" if len(odd) > 1 else ""
    raise LostError(
        f"without any rules, packets of protocol {question.protocol} ({question.shape.value}) from `{pair.sender}` do "
        f"not reach `{pair.hears}`, {ends}{way}{more}: what rules refuse cannot be told"
    )
