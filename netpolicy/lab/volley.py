"""Sends all packets of a round and hears which of them arrive, and which are answered.

Nobody has to listen and nothing times out: a raw socket behind the rules of the receiver gets a copy of what they let
in, and one at the sender the answer of the host. Where rules reject, there is an answer and no arrival.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from netpolicy.lab.ask import Question, Shape
from netpolicy.lab.pairs import Pair, Way
from netpolicy.lab.party import Party
from netpolicy.lab.post import Ear, LostError, Post
from netpolicy.lab.wire import FIRST, LAST, Frame, fragments, frame, header, pseudo
from netpolicy.packet.family import Family

QUIET = 0.1
"""How long, in seconds, all must be silent before silence is believed; one wait for all packets of a round."""
_SOON = 0.01
_TRIES = 3
_TOGETHER = 2_000
EITHER = 2
"""Says of an answer that it may come or not."""


@dataclass(slots=True)
class Batch:
    """The questions to one pair. `arrives` and `answered` say of each what is expected: 1, 0, or EITHER."""

    pair: Pair
    questions: tuple[Question, ...]
    arrives: bytes
    answered: bytes
    first: int = 0

    def __len__(self) -> int:
        return len(self.questions)


@dataclass(frozen=True, slots=True)
class Odd:
    """A packet that did not fare as expected."""

    batch: Batch
    place: int
    arrived: bool
    answered: bool

    @property
    def question(self) -> Question:
        return self.batch.questions[self.place]


class Volley:
    """Rounds of packets between parties, numbered from `first` on; `next` is the first number that is not used.

    All is over when nothing was heard for so many seconds (`quiet`).
    """

    def __init__(self, posts: Mapping[Party, Post], base: int, quiet: float = QUIET, first: int = FIRST) -> None:
        self.posts = posts
        self.base = base
        self.quiet = quiet
        self.next = first
        # The questions are kept with their frames, which are known by the identity of the questions.
        self._frames: dict[tuple[Family, Way, int], tuple[tuple[Question, ...], list[Frame]]] = {}
        self._ears: dict[int, Ear] = {}
        self._watch = select.epoll()
        for post in posts.values():
            for ear in post.ears:
                self._ears[ear.socket.fileno()] = ear
                self._watch.register(ear.socket, select.EPOLLIN)

    def close(self) -> None:
        self._watch.close()

    def run(self, batches: Sequence[Batch], progress: Callable[[int], object] = lambda _: None) -> list[Odd]:
        """What did not fare as expected, of all packets. Silence is asked again: an answer is proof at any time."""
        heard = _Heard(batches, self._number(batches))
        sent = 0
        for batch in batches:
            self._send(batch, range(len(batch)))
            sent += len(batch)
            if sent >= _TOGETHER:
                self._hear(heard, 0)
                progress(sent)
                sent = 0
        self._hear(heard, self.quiet)
        progress(sent)
        for _ in range(_TRIES - 1):
            missing = list(heard.missing())
            if not missing:
                break
            for batch, places in missing:
                self._send(batch, places)
                self._hear(heard, 0)
            self._hear(heard, self.quiet)
        return list(heard.odd())

    @property
    def lost(self) -> int:
        """Packets for which a socket had no room: what did not fare as expected may be these."""
        return sum(ear.lost for ear in self._ears.values())

    def again(self, odd: Odd, source_port: int) -> None:
        """The packet has been sent once more, from another port, so that it begins a connection of its own."""
        pair, question = odd.batch.pair, odd.question
        asked = (replace(question, source_port=question.source_port or source_port),)
        batch = Batch(pair, asked, bytes(1), bytes([EITHER]))
        self._number([batch])
        self._send(batch, [0])
        self._hear(_Heard([batch], batch.first), _SOON)

    def _number(self, batches: Sequence[Batch]) -> int:
        first = self.next
        for batch in batches:
            batch.first = self.next
            self.next += len(batch)
        if self.next > LAST >> 1:
            raise LostError("there are more probes than numbers for them")
        return first

    def _send(self, batch: Batch, places: Iterable[int]) -> None:
        pair = batch.pair
        self.posts[pair.sender].send(pair.card, pair.via, self._packets(batch, places))

    def _packets(self, batch: Batch, places: Iterable[int]) -> Iterator[bytes]:
        pair, frames = batch.pair, self._frames_of(batch)
        source, destination = pair.source, pair.destination
        heads: dict[tuple[int, int], bytes] = {}
        sums: dict[int, int] = {}
        for place in places:
            one = frames[place]
            protocol = one.protocol
            if protocol not in sums:
                sums[protocol] = pseudo(pair.family, protocol, source[1], destination[1])
            body = one.bytes(batch.first + place, sums[protocol])
            if one.shape in _IN_PARTS:
                yield from fragments(source, destination, one, body, batch.first + place)
                continue
            kind = protocol, one.length
            if kind not in heads:
                heads[kind] = header(source, destination, *kind)
            yield heads[kind] + body

    def _frames_of(self, batch: Batch) -> list[Frame]:
        """The packets of its questions; pairs of which the same is expected share them."""
        pair = batch.pair
        known = pair.family, pair.way, id(batch.questions)
        if known not in self._frames:
            ports = (pair.source_port(question, self.base) for question in batch.questions)
            asked = zip(batch.questions, ports, strict=True)
            self._frames[known] = batch.questions, [frame(pair.family, question, port) for question, port in asked]
        return self._frames[known][1]

    def _hear(self, heard: _Heard, quiet: float) -> None:
        """All that is there has been heard, and what comes until nothing has come for so many seconds."""
        ears, until = self._ears, time.monotonic() + quiet
        while True:
            ready = self._watch.poll(max(0.0, until - time.monotonic()))
            if ready and quiet:
                until = time.monotonic() + quiet
            for handle, _ in ready:
                ear = ears[handle]
                heard.add(ear.party, ear.protocol, ear.numbers())
            if not ready and time.monotonic() >= until:
                return


_IN_PARTS = (Shape.FRAGMENTS, Shape.LONE_FRAGMENT)


class _Heard:
    """What has arrived and been answered of some batches, by the numbers of their packets."""

    def __init__(self, batches: Sequence[Batch], first: int) -> None:
        self.batches = batches
        self.first = first
        count = sum(len(batch) for batch in batches)
        self._of = [batch for batch in batches for _ in range(len(batch))]
        self._arrived = bytearray(count)
        self._answered = bytearray(count)

    def add(self, party: Party, protocol: int, numbers: Iterable[int]) -> None:
        """The party heard packets of the protocol with these numbers; what it is to the packet says what that means.

        An error that quotes the packet, such as one about what refused it, is no arrival.
        """
        first, of, count = self.first, self._of, len(self._of)
        for number in numbers:
            at = number - first
            if 0 <= at < count:
                batch = of[at]
                if party is batch.pair.hears:
                    self._arrived[at] |= batch.questions[number - batch.first].protocol == protocol
                elif party is batch.pair.sender:
                    self._answered[at] = 1

    def missing(self) -> Iterator[tuple[Batch, list[int]]]:
        """The places in batches of what was expected and did not come."""
        for batch, arrived, answered in self._each():
            if batch.arrives != arrived or batch.answered != answered:
                places = [
                    place
                    for place in range(len(batch))
                    if batch.arrives[place] > arrived[place] or (batch.answered[place] == 1 and not answered[place])
                ]
                if places:
                    yield batch, places

    def odd(self) -> Iterator[Odd]:
        """All that did not fare as expected."""
        for batch, arrived, answered in self._each():
            if batch.arrives != arrived or batch.answered != answered:
                for place in range(len(batch)):
                    wanted = batch.arrives[place], batch.answered[place]
                    seen = arrived[place], answered[place]
                    if wanted[0] != seen[0] or wanted[1] not in (seen[1], EITHER):
                        yield Odd(batch, place, bool(seen[0]), bool(seen[1]))

    def _each(self) -> Iterator[tuple[Batch, bytes, bytes]]:
        for batch in self.batches:
            at = batch.first - self.first
            end = at + len(batch)
            yield batch, bytes(self._arrived[at:end]), bytes(self._answered[at:end])
