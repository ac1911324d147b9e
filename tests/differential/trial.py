"""A case is tried on every backend: all voices have to say the same of every packet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from netpolicy.lab.rehearse import Rehearsal, rehearsal
from netpolicy.lab.volley import EITHER, Batch, Odd
from netpolicy.node.backend import Backend
from netpolicy.targets.iptables.decide import Verdict
from tests.compiling import compiled, read_back
from tests.differential.case import Case
from tests.differential.loading import odd_of
from tests.differential.sample import sampled
from tests.differential.tally import Tally
from tests.differential.voices import Voices, in_words
from tests.specification import Specification
from tests.strategies import read

MOST = 1_000
"""Packets of a case on each backend."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A packet of which not all voices say the same, in words; each line has a name."""

    backend: Backend
    lines: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self.lines)


@dataclass(frozen=True, slots=True)
class Trial:
    """What was asked, and where voices differ."""

    tally: Tally
    disagreements: tuple[Disagreement, ...]
    asked: Rehearsal = field(repr=False)

    @property
    def packets(self) -> frozenset[str]:
        """Every packet that was asked, in words, at each of its stops."""
        return frozenset(
            in_words(stop, self.asked.base)
            for batch in self.asked.batches
            for one in batch.questions
            for stop in batch.pair.stops(one, self.asked.base)
        )


def tried(case: Case, backends: Sequence[Backend] = tuple(Backend), most: int | None = MOST) -> Trial:
    """The case has been put to all voices; of its packets no more than so many, on each backend."""
    pipeline = compiled(case.texts, inline=case.inline)
    assert pipeline.policy is not None and pipeline.cluster is not None
    built = [one for one, _ in pipeline.built()]
    whole = rehearsal(pipeline.policy, [one.node_class for one in built])
    asked = whole if most is None else sampled(whole, most, case.seed)
    loaded = {node: ruleset for one in built for ruleset in [read_back(one)] for node in one.node_class.members}
    voices = Voices(Specification([read(case.policy_text, case.cluster_text)[0]], pipeline.cluster), loaded, whole.base)
    files = {node: one.files for one in built for node in one.node_class.members}
    at_odds = list(_at_odds(asked, voices))
    found: list[Disagreement] = []
    for backend, odd in odd_of(asked, files, backends):
        found += _disagreements(backend, voices, at_odds, odd)
    rules = sum(text.count("\n-A ") for one in built for text in one.files.values())
    return Trial(_tally(asked, len(backends), rules, len(found)), tuple(found), asked)


def _tally(asked: Rehearsal, backends: int, rules: int, disagreements: int) -> Tally:
    fates: Counter[tuple[str, bool]] = Counter()
    for batch in asked.batches:
        passing = sum(batch.arrives)
        fates[batch.pair.way.name, True] += passing * backends
        fates[batch.pair.way.name, False] += (len(batch) - passing) * backends
    return Tally(
        policies=1,
        rules=rules,
        packets=asked.probes * backends,
        passing=asked.passing * backends,
        disagreements=disagreements,
        fates=fates,
    )


def _at_odds(asked: Rehearsal, voices: Voices) -> Iterator[tuple[Batch, int]]:
    """The packets of which the specification, the meaning and `decide` do not all say the same."""
    for batch in asked.batches:
        for place in range(len(batch)):
            arrives, answered = batch.arrives[place], batch.answered[place]
            wanted, verdict = voices.say(batch, place)
            said = {bool(arrives), wanted, verdict is Verdict.ALLOW}
            refused = answered in (EITHER, verdict is Verdict.REJECT)
            if len(said) > 1 or not (arrives or refused):
                yield batch, place


def _disagreements(
    backend: Backend, voices: Voices, at_odds: Sequence[tuple[Batch, int]], odd: Sequence[Odd]
) -> Iterator[Disagreement]:
    seen = {(id(one.batch), one.place): one for one in odd}
    places = {(id(batch), place): (batch, place) for batch, place in at_odds}
    places |= {(id(one.batch), one.place): (one.batch, one.place) for one in odd}
    for batch, place in places.values():
        yield Disagreement(backend, tuple(_told(backend, voices, batch, place, seen)))


def _told(
    backend: Backend, voices: Voices, batch: Batch, place: int, odd: Mapping[tuple[int, int], Odd]
) -> Iterator[tuple[str, str]]:
    pair, question = batch.pair, batch.questions[place]
    yield "backend", backend.value
    yield "way", f"{pair.sender} -> {pair.hears} {pair.way.value}".strip()
    yield "shape", question.shape.value
    for one in voices.at(batch, place):
        yield "packet", in_words(one.stop, voices.base)
        yield "specification", f"{'passes' if one.ruling.admitted else 'is stopped'}: {one.ruling.reason}"
        yield "decide", f"{one.decision.verdict.value}: {one.rule}"
    arrives, answered = batch.arrives[place], batch.answered[place]
    yield "expected", _fate(arrives, answered)
    different = odd.get((id(batch), place))
    yield "kernel", "as expected" if different is None else _fate(different.arrived, different.answered)


def _fate(arrives: int, answered: int) -> str:
    words = "an answer or none" if answered == EITHER else "an answer" if answered else "no answer"
    return f"{'arrives' if arrives else 'does not arrive'}, {words}"
