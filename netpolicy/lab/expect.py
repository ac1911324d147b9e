"""What a policy expects of every packet between two parties, worked out once for all that it does not tell apart.

Questions are rows of bytes, one a question, so that a pair costs a few operations on whole rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from netpolicy.lab.ask import Question, Shape, error, lease, strays
from netpolicy.lab.judge import Judge, Stop, varying
from netpolicy.lab.pairs import CONTAINED, Pair, Way
from netpolicy.lab.party import is_group
from netpolicy.lab.volley import EITHER, Batch
from netpolicy.packet import diagram
from netpolicy.packet.diagram import Variable
from netpolicy.packet.family import Family
from netpolicy.packet.packets import ICMP_OF, SYN, Packet, State
from netpolicy.packet.ports import PORTED, Protocol
from netpolicy.policy.model import Egress, Policy, Refuse

_ALONE = (Way.SERVED, Way.FORGED, Way.PUBLISHED, Way.CONTAINED)
"""Ways of which only first packets are asked."""
_BOTH = 3  # the bits that a byte of an answer can have


@dataclass(frozen=True, eq=False)
class Row:
    """Some questions, and what is known of each by itself."""

    questions: tuple[Question, ...]

    def __len__(self) -> int:
        return len(self.questions)

    @cached_property
    def answers(self) -> int:
        """What a host that lets it in says."""
        return _number(1 if one.answered else EITHER for one in self.questions)

    @cached_property
    def told(self) -> int:
        """What a rule that rejects says to a sender; what connection tracking cannot place is dropped.

        A connection without ports is forgotten at once, and then the refusal belongs to none.
        """
        said = {State.NEW: 1, State.INVALID: 0}
        return _number(said.get(one.state, EITHER) if _is_kept(one) else EITHER for one in self.questions)

    @cached_property
    def either(self) -> int:
        return _number(EITHER for _ in self.questions)

    @cached_property
    def possible(self) -> int:
        """False where the packet waits for its other part."""
        return _number(one.shape is not Shape.LONE_FRAGMENT for one in self.questions)

    @cached_property
    def plain(self) -> list[dict[Variable, int]]:
        """What rules see of each packet, besides its ends."""
        return [varying(_packet(one)) for one in self.questions]

    @cached_property
    def published(self) -> list[dict[Variable, int]]:
        """The same where its port leads to a container."""
        packets = ((one, _packet(one)) for one in self.questions)
        return [varying(replace(packet, port=CONTAINED, original_port=one.port)) for one, packet in packets]

    def bytes(self, number: int) -> bytes:
        """The row of bytes that a number stands for."""
        return number.to_bytes(len(self), "big")


class Expecting:
    """Makes batches: the questions to a pair, with what the policy wants of each."""

    def __init__(
        self,
        judge: Judge,
        edges: Mapping[Family, tuple[Question, ...]],
        forwarded: Mapping[Family, frozenset[Question]],
    ) -> None:
        self.judge = judge
        self.policy: Policy = judge.policy
        self.forwarded = forwarded
        self.edges = edges
        self._rows: dict[tuple[Family, Way, bool], Row] = {}
        self._told_apart: dict[tuple[object, ...], tuple[tuple[Question, ...], bytes, bytes]] = {}
        self._stopped: dict[tuple[object, ...], diagram.Node | None] = {}
        self._judged: dict[tuple[Row, bool, diagram.Node], int] = {}
        self._strays: dict[tuple[object, ...], Row] = {}

    def batches(self, pairs: Iterable[Pair]) -> Iterator[Batch]:
        """A batch for each pair that has something to ask."""
        for pair in pairs:
            questions, arrives, answered = self._of(pair)
            if questions:
                yield Batch(pair, questions, arrives, answered)

    def _of(self, pair: Pair) -> tuple[tuple[Question, ...], bytes, bytes]:
        stops = tuple(pair.stops(self._row(pair).questions[0]))
        likeness = (
            pair.way,
            is_group(pair.destination),
            pair.family,
            pair.receiver.judges,
            *map(self.judge.likeness, stops),
        )
        if likeness not in self._told_apart:
            self._told_apart[likeness] = self._asked(pair, stops)
        return self._told_apart[likeness]

    def _asked(self, pair: Pair, stops: tuple[Stop, ...]) -> tuple[tuple[Question, ...], bytes, bytes]:
        edges = self._row(pair)
        arrives = self._arriving(pair, stops, edges)
        if arrives is None:
            return (), b"", b""
        told = edges.questions, edges.bytes(arrives), edges.bytes(self._answered(pair, edges, arrives))
        if not self._is_wide(pair):
            told = _few(told, self.forwarded[pair.family])
        if pair.way in _ALONE:
            return told
        usual = _usual(edges, told[1]) if told[0] is edges.questions else _usual(Row(told[0]), told[1])
        row = self._row_of_strays(pair.family, usual)
        arrives = self._arriving(pair, stops, row)
        assert arrives is not None, "whether rules say anything is the same for all packets of a pair"
        more = row.questions, row.bytes(arrives), row.bytes(self._answered(pair, row, arrives))
        return told[0] + more[0], told[1] + more[1], told[2] + more[2]

    def _row(self, pair: Pair) -> Row:
        """The questions about edges that suit the way."""
        key = pair.family, pair.way, pair.receiver.judges
        if key not in self._rows:
            asked = self.edges[pair.family]
            request, answer = lease(pair.family)
            if pair.way is Way.SERVED:
                asked = (answer,)
            elif pair.way is Way.PLAIN and not pair.receiver.judges:
                asked = (*asked, request)
            self._rows[key] = Row(tuple(one for one in asked if _suits(pair.way, pair.family, one)))
        return self._rows[key]

    def _is_wide(self, pair: Pair) -> bool:
        """True for pairs of which everything is asked: others show that one thing is judged like another."""
        if pair.way in (Way.CONTAINED, Way.SPOOFED):
            # Elsewhere a sender's own rules stop what its receiver should refuse, too.
            return self.policy.egress is Egress.ENFORCED
        return pair.way not in (Way.FORGED, Way.PUBLISHED)

    def _arriving(self, pair: Pair, stops: Sequence[Stop], row: Row) -> int | None:
        """1 for each question whose packet arrives; None where the rules need not say anything."""
        found = row.possible
        for stop in stops:
            wanted = self._wanted(stop)
            if wanted is None:
                return None
            asked = row, stop.packet.dnat, wanted
            if asked not in self._judged:
                points = row.published if stop.packet.dnat else row.plain
                self._judged[asked] = _number(diagram.contains(wanted, point) for point in points)
            found &= self._judged[asked]
        return found

    def _wanted(self, stop: Stop) -> diagram.Node | None:
        likeness = self.judge.likeness(stop)
        if likeness not in self._stopped:
            self._stopped[likeness] = self.judge.wanted(stop)
        return self._stopped[likeness]

    def _answered(self, pair: Pair, row: Row, arrives: int) -> int:
        """Whether each packet is answered, by the host where it arrives, else by rules that reject."""
        # Every node holds what any of them receives, and takes no answer from an address of its own.
        held = pair.way is Way.RECEIVED and pair.sender.judges
        # What a DHCP server answers is forgotten at once, and so an error about it belongs to no connection.
        alone = pair.way not in (Way.SPOOFED, Way.FORGED, Way.SERVED) and not held and not is_group(pair.destination)
        answered = (row.answers if alone else row.either) & arrives * _BOTH
        if self.policy.refuse is Refuse.REJECT:
            refused = arrives ^ _number(1 for _ in row.questions)
            # An answer for an address that no node declares would come from a node without it.
            silent = pair.way is Way.RECEIVED and not pair.sender.judges
            told = 0 if silent else row.told if pair.way is Way.PLAIN else row.either
            answered |= told & refused * _BOTH
        return answered

    def _row_of_strays(self, family: Family, usual: tuple[tuple[int, int], ...]) -> Row:
        if (family, usual) not in self._strays:
            self._strays[family, usual] = Row((*strays(usual), error(family)))
        return self._strays[family, usual]


def _suits(way: Way, family: Family, question: Question) -> bool:
    """What a translation keeps apart: first packets of connections that a container can have."""
    if way is Way.PUBLISHED:
        return question.protocol in (Protocol.TCP, Protocol.UDP)
    if way is Way.CONTAINED:
        icmp = question.protocol == ICMP_OF[family] and question.state is State.NEW
        return icmp or question.protocol in PORTED
    return True


def _is_kept(question: Question) -> bool:
    """True for packets whose connection is known for a while."""
    return question.protocol in PORTED or question.protocol in ICMP_OF.values()


def _few(
    told: tuple[tuple[Question, ...], bytes, bytes], always: frozenset[Question]
) -> tuple[tuple[Question, ...], bytes, bytes]:
    """All that arrives, what is to be asked always, and of each protocol the first that does not arrive."""
    questions, arrives, answered = told
    first: dict[int, int] = {}
    for place, one in enumerate(questions):
        if not arrives[place]:
            first.setdefault(one.protocol, place)
    kept = [
        place
        for place, one in enumerate(questions)
        if arrives[place] or one in always or first.get(one.protocol) == place
    ]
    return (
        tuple(questions[place] for place in kept),
        bytes(arrives[place] for place in kept),
        bytes(answered[place] for place in kept),
    )


def _usual(row: Row, arrives: bytes) -> tuple[tuple[int, int], ...]:
    """A port of TCP and one of UDP that is open, and one that is not, as far as there are."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for question, arriving in zip(row.questions, arrives, strict=True):
        if question.protocol in (Protocol.TCP, Protocol.UDP) and not question.source_port:
            found.setdefault((question.protocol, arriving), (question.protocol, question.port))
    return tuple(found.values())


def _packet(question: Question) -> Packet:
    flags = question.shape.flags if question.protocol == Protocol.TCP else SYN
    return Packet(
        Family.V4, 0, 0, question.protocol, question.port, question.source_port, state=question.state, flags=flags
    )


def _number(row: Iterable[int]) -> int:
    return int.from_bytes(bytes(row), "big")
