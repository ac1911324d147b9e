"""Some of the packets that a rehearsal has, of every way and fate alike."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from netpolicy.lab.party import Kind, Party
from netpolicy.lab.rehearse import Rehearsal, Round
from netpolicy.lab.volley import Batch

Place = tuple[int, int]
"""A batch by its place among all, and a question by its place in it."""


def sampled(whole: Rehearsal, most: int, seed: int) -> Rehearsal:
    """The rehearsal with no more packets than that; half of them are to pass, but where hardly any are.

    Ways share alike, and so do nodes and others, so that what is rare is asked, too.
    """
    chosen = set(_chosen(list(whole.batches), most, random.Random(seed)))
    rounds, at = [], 0
    for one in whole.rounds:
        batches = tuple(
            _only(batch, [place for place in range(len(batch)) if (at + number, place) in chosen])
            for number, batch in enumerate(one.batches)
        )
        at += len(one.batches)
        rounds.append(Round(tuple(batch for batch in batches if batch.questions), one.translation))
    return replace(whole, rounds=tuple(rounds), parties=tuple(_present(whole.parties, rounds)))


def _chosen(batches: Sequence[Batch], most: int, chance: random.Random) -> Iterator[Place]:
    kinds: dict[int, dict[object, list[Place]]] = {0: defaultdict(list), 1: defaultdict(list)}
    for number, batch in enumerate(batches):
        kind = batch.pair.way, batch.pair.hears.kind
        for place, arrives in enumerate(batch.arrives):
            kinds[arrives][kind].append((number, place))
    passing = list(_shared(kinds[1].values(), most // 2, chance))
    yield from passing
    yield from _shared(kinds[0].values(), min(most - len(passing), max(most // 5, len(passing))), chance)


def _shared(kinds: Iterable[list[Place]], most: int, chance: random.Random) -> Iterator[Place]:
    """As many of each kind, but for kinds that have fewer."""
    left = sorted(kinds, key=len)
    while left:
        share = most // len(left)
        one = left.pop(0)
        taken = one if len(one) <= share else chance.sample(one, share)
        most -= len(taken)
        yield from taken


def _only(batch: Batch, places: Sequence[int]) -> Batch:
    return Batch(
        batch.pair,
        tuple(batch.questions[place] for place in places),
        bytes(batch.arrives[place] for place in places),
        bytes(batch.answered[place] for place in places),
    )


def _present(parties: Iterable[Party], rounds: Iterable[Round]) -> Iterator[Party]:
    """All but containers of which nothing is asked: whoever else is missing makes those who look for him complain."""
    met = {party for one in rounds for batch in one.batches for party in batch.pair.parties}
    return (party for party in parties if party.kind is not Kind.CONTAINER or party in met)
