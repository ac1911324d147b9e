"""Says of a packet that did not fare as expected what each voice says of it, and which rule decided."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from netpolicy.diagnostic import Diagnostic, Label, error
from netpolicy.dsl.syntax import Verb
from netpolicy.lab.ask import Question, Shape
from netpolicy.lab.fabric import Fabric
from netpolicy.lab.judge import FORWARD, INPUT, OUTPUT, Judge, Stop
from netpolicy.lab.load import Loader
from netpolicy.lab.meter import Counted, counters, moved
from netpolicy.lab.pairs import PORTS, Pair, Way
from netpolicy.lab.volley import Odd, Volley
from netpolicy.node.bundle import Bundle
from netpolicy.packet.family import Family
from netpolicy.packet.packets import Packet, describe
from netpolicy.source import Source
from netpolicy.targets.iptables import TARGET
from netpolicy.targets.iptables.decide import Verdict, deciding
from netpolicy.verify.prove import speaking

MOST = 25
"""More kinds of packets than these of a backend are counted, and not explained."""
SPARE = 64
"""Source ports for packets that are sent again."""
_REFUSES = re.compile(r"-j (DROP|REJECT)\b")
_CHAINS = {INPUT: "NP-IN-", FORWARD: "NP-FWD-", OUTPUT: "NP-OUT-"}
_VERDICTS = {Verdict.ALLOW: "lets it pass", Verdict.DROP: "drops it", Verdict.REJECT: "rejects it"}


@dataclass(frozen=True, slots=True)
class Voice:
    """What is said of a packet where a node judges it: by the policy, by its rules as they are read, by counters."""

    stop: Stop
    policy: bool
    decide: str
    place: Label | None
    met: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A packet that did not fare as the policy says. `kernel` says how it fared, `finding` tells all of it."""

    pair: Pair
    question: Question
    words: str
    policy: str
    kernel: str
    voices: tuple[Voice, ...]
    finding: Diagnostic


class Explaining:
    """Explains what a stage of loaded rules did; `sent` is how many packets were sent again."""

    def __init__(
        self, judge: Judge, fabric: Fabric, loader: Loader, bundles: Mapping[str, Bundle], volley: Volley
    ) -> None:
        self.judge, self.fabric, self.loader, self.bundles, self.volley = judge, fabric, loader, bundles, volley
        self.sent = 0

    def groups(self, found: Sequence[Odd]) -> list[list[Odd]]:
        """Packets that fared alike where the same rules decide, the plainest first in each; plain groups first."""
        alike: dict[tuple[object, ...], list[Odd]] = {}
        for odd in found:
            wanted = odd.batch.arrives[odd.place], odd.batch.answered[odd.place]
            stops = odd.batch.pair.stops(odd.question, self.volley.base)
            places = tuple(self._place(stop) for stop in stops)
            alike.setdefault((odd.arrived, odd.answered, *wanted, *places), []).append(odd)
        return sorted((sorted(some, key=_unusual) for some in alike.values()), key=lambda some: _unusual(some[0]))

    def _place(self, stop: Stop) -> tuple[object, ...]:
        """The rule that decides, in the files that nodes of a class share."""
        bundle = self.bundles[stop.node]
        rule = deciding(bundle.ruleset, stop.packet)
        return bundle.identity.digest, stop.packet.family, stop.hook, rule.line if rule is not None else 0

    def explain(self, odd: Odd, more: int = 0) -> Disagreement:
        """All that can be said of a packet; it is sent once more, and rules that count it are seen.

        `more` is how many fared like it where the same rules decide.
        """
        pair, question = odd.batch.pair, odd.question
        stops = list(pair.stops(question, self.volley.base))
        met = self._met(odd, stops)
        voices = tuple(self._voice(stop, met.get(stop.node, ())) for stop in stops)
        policy, kernel = _policy(odd), _kernel(odd)
        packet = stops[0].packet if stops else Packet(*pair.source, pair.destination[1], question.protocol)
        answer = tuple(_refusing(stops, met)) if odd.arrived and not odd.answered else ()
        like = (f"{more:,} more fared like it, where the same rules decide",) if more else ()
        finding = self._finding(odd, packet, voices, (f"policy: {policy}", f"kernel: {kernel}", *answer), like)
        return Disagreement(pair, question, packet_words(packet, question, pair.way), policy, kernel, voices, finding)

    def _voice(self, stop: Stop, met: tuple[Counted, ...]) -> Voice:
        bundle = self.bundles[stop.node]
        files = {name: Source(f"nodes/{stop.node}/{name}", text) for name, text in bundle.files.items()}
        decision = TARGET.decide(bundle.ruleset, stop.packet)
        place = TARGET.deciding(bundle.ruleset, stop.packet, files)
        verdict = _VERDICTS[decision.verdict]
        label = None if place is None else Label(place, f"this rule {verdict}, as it is read")
        own = (one for one in met if one.chain.startswith(_CHAINS[stop.hook]) and not one.leads_on)
        texts = tuple(dict.fromkeys(one.text for one in own))
        return Voice(stop, bool(self.judge.admits(stop)), verdict, label, texts)

    def _met(self, odd: Odd, stops: list[Stop]) -> dict[str, tuple[Counted, ...]]:
        """The rules of each node that count the packet when it comes again, from another port."""
        nodes = list(dict.fromkeys(stop.node for stop in stops))
        family = odd.batch.pair.family
        before = {name: self._counters(name, family) for name in nodes}
        self.sent = (self.sent + 1) % SPARE
        self.volley.again(odd, self.volley.base + PORTS + self.sent)
        return {name: tuple(moved(before[name], self._counters(name, family))) for name in nodes}

    def _counters(self, name: str, family: Family) -> tuple[Counted, ...]:
        party = self.fabric.node(name)
        return counters(self.loader.host(party), self.fabric.spaces[party], self.loader.backend, family)

    def _finding(
        self, odd: Odd, packet: Packet, voices: tuple[Voice, ...], said: tuple[str, ...], like: tuple[str, ...]
    ) -> Diagnostic:
        pair, wanted = odd.batch.pair, bool(odd.batch.arrives[odd.place])
        code, does, verb = "NP323", "answers otherwise than the policy says", Verb.ALLOW
        if odd.arrived and not wanted:
            code, does, verb = "NP321", "lets pass what the policy does not", Verb.DENY
        elif wanted and not odd.arrived:
            code, does = "NP322", "refuses what the policy lets pass"
        words = packet_words(packet, odd.question, pair.way)
        message = f"{self.loader.backend.value} {does}: `{pair.sender}` -> `{pair.receiver}`, {words}"
        labels = [voice.place for voice in voices if voice.place is not None and (voice.met or not voice.policy)]
        asks = "this deny forbids it" if verb is Verb.DENY else "this allow asks for it"
        spans = (statement.span for statement in speaking(self.judge.policy, verb, packet))
        labels += [Label(span, asks) for span in spans if span is not None]
        notes = [*said, *_notes(voices), *like]
        return error(code, message, *labels, hint=_hint(voices, odd), notes=notes)


def _unusual(odd: Odd) -> tuple[int, int, int]:
    """Plain first packets are least of all."""
    question = odd.question
    return odd.batch.pair.way is not Way.PLAIN, question.shape.place, int(question.source_port > 0)


def packet_words(packet: Packet, question: Question, way: Way) -> str:
    """The packet on one line, and what is unusual about how it comes."""
    plain = describe(replace(packet, in_interface="", out_interface=""))
    shape = [] if question.shape is Shape.FIRST else [question.shape.value]
    return ", ".join([plain, *shape, *([way.value] if way.value else [])])


def _policy(odd: Odd) -> str:
    if odd.batch.arrives[odd.place]:
        return "it arrives, and is answered" if odd.batch.answered[odd.place] == 1 else "it arrives"
    return {0: "it is dropped", 1: "it is rejected"}.get(odd.batch.answered[odd.place], "it does not arrive")


def _kernel(odd: Odd) -> str:
    if odd.arrived:
        return "it arrived, and was answered" if odd.answered else "it arrived, and no answer came back"
    return "it was rejected" if odd.answered else "it did not arrive"


def _notes(voices: tuple[Voice, ...]) -> Iterator[str]:
    """Each place where rules judge it; those that let all pass without a rule are left out."""
    for one in voices:
        passes = one.decide == _VERDICTS[Verdict.ALLOW]
        if one.policy and passes and not one.met:
            continue
        said = "lets it pass" if one.policy else "refuses it"
        yield f"{one.stop.hook} of `{one.stop.node}`: the policy {said}; `decide`, of the rules as read, {one.decide}"
        if not one.met:
            yield f"{one.stop.hook} of `{one.stop.node}`: no rule of ours counted it"
        yield from (f"{one.stop.hook} of `{one.stop.node}`: counted by `{text}`" for text in one.met)


def _refusing(stops: Sequence[Stop], met: Mapping[str, tuple[Counted, ...]]) -> Iterator[str]:
    """The rules that refused something where the packet itself was not judged: its answer."""
    judged = {(stop.node, stop.hook) for stop in stops}
    for node, counted in met.items():
        for hook, chain in _CHAINS.items():
            for one in counted if (node, hook) not in judged else ():
                if one.chain.startswith(chain) and _REFUSES.search(one.text):
                    yield f"{hook} of `{node}`: its answer was counted by `{one.text}`"


def _hint(voices: tuple[Voice, ...], odd: Odd) -> str:
    passes = all(one.decide == _VERDICTS[Verdict.ALLOW] for one in voices)
    if passes is not odd.arrived:
        return "the kernel does not do what its rules say, as netpolicy reads them: report it with all of this"
    if odd.arrived and not odd.answered and odd.batch.answered[odd.place] == 1:
        return "its answer did not come back: look at what both nodes do with packets of an established connection"
    rejects = any(one.decide == _VERDICTS[Verdict.REJECT] for one in voices)
    if passes is bool(odd.batch.arrives[odd.place]) and (passes or rejects is not odd.answered):
        return "the rules say what the policy says; what else is between the two?"
    return "the rules do not say what the policy says: compile the cluster again, or report it"
