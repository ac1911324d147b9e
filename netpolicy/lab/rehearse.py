"""Rehearses a cluster: its nodes in namespaces, their rules applied, and packets for every edge of its policy."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate

from netpolicy.flow.model import NodeClass
from netpolicy.lab import control
from netpolicy.lab.apart import apart
from netpolicy.lab.ask import edges, forwarded, free_ports, unasked
from netpolicy.lab.expect import Expecting
from netpolicy.lab.explain import MOST, SPARE, Disagreement, Explaining
from netpolicy.lab.fabric import Fabric
from netpolicy.lab.judge import Judge
from netpolicy.lab.load import Loader, Translation
from netpolicy.lab.pairs import PORTS, Pair, Way, beside, contained, forged, plain, published, received, served, spoofed
from netpolicy.lab.party import Kind, Party, containers, is_group, node_party, silent, strangers, virtual
from netpolicy.lab.post import LostError, Post
from netpolicy.lab.space import TRACKING, SpaceError
from netpolicy.lab.volley import Batch, Odd, Volley
from netpolicy.lab.wire import FIRST
from netpolicy.node.backend import Backend
from netpolicy.node.bundle import Bundle
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import ICMP_OF
from netpolicy.policy.model import Policy

Progress = Callable[[int], object]
CARDS = 1_000
"""The most interfaces of nodes and networks: a bridge of Linux has 1,024 ports."""
_MOST_FILES = 1 << 20
_LARGE = 20_000
"""From so many packets on, a round is shared among processes."""
_COMPARED = 20_000
"""So many packets of a round are told apart by the rules that decide."""
_PATIENCE = 5.0
"""How long, in seconds, ways are tried again before one counts as closed: interfaces of a busy machine come up late."""
_TRIES = 3
"""How often a round is asked before packets that get lost end a rehearsal: a busy machine loses some now and then."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a cluster is rehearsed: pairs that `asks` says yes to, between parties that `takes` says yes to."""

    takes: Callable[[Party], bool] = lambda _: True
    asks: Callable[[Pair], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Round:
    """Packets that can be sent together, and what nodes must do for containers before."""

    batches: tuple[Batch, ...] = field(repr=False)
    translation: Translation | None = None


@dataclass(frozen=True)
class Rehearsal:
    """What is to be asked of a cluster, and who takes part; `base` is the first of our source ports.

    `left_out` says what the policy speaks of and nobody can send.
    """

    policy: Policy
    judge: Judge = field(repr=False)
    parties: tuple[Party, ...]
    rounds: tuple[Round, ...]
    base: int
    left_out: tuple[str, ...] = ()

    @property
    def probes(self) -> int:
        """How many packets are sent."""
        return sum(len(batch) for batch in self.batches)

    @property
    def passing(self) -> int:
        """How many of them are to arrive."""
        return sum(sum(batch.arrives) for batch in self.batches)

    @property
    def batches(self) -> Iterator[Batch]:
        return (batch for one in self.rounds for batch in one.batches)

    @property
    def protocols(self) -> dict[Family, frozenset[int]]:
        """The protocols that are spoken, ICMP always: it brings the refusals."""
        found = {family: {int(ICMP_OF[family])} for family in FAMILIES}
        rows = {id(batch.questions): batch for batch in self.batches}
        for batch in rows.values():
            found[batch.pair.family].update(question.protocol for question in batch.questions)
        return {family: frozenset(numbers) for family, numbers in found.items()}


def rehearsal(policy: Policy, classes: Sequence[NodeClass], choice: Choice | None = None) -> Rehearsal:
    """The packets that tell whether the rules of a cluster mean the policy; of what is chosen alone.

    A SpaceError says that these are too many nodes for one machine.
    """
    choice = choice or Choice()
    judge = Judge(policy, classes)
    asked = {family: edges(policy, family) for family in FAMILIES}
    base = free_ports([one for family in FAMILIES for one in asked[family]], PORTS + SPARE + control.SPARE)
    expecting = Expecting(judge, asked, forwarded(policy, asked))
    everybody = [*(node_party(node) for node in policy.cluster.nodes), *strangers(policy, judge.known)]
    # Whatever is forged comes from outside.
    parties = [party for party in everybody if choice.takes(party) or party.kind is Kind.OUTSIDE]
    if (cards := sum(len(party.cards) for party in parties)) > CARDS:
        raise SpaceError(f"a rehearsal holds at most {CARDS:,} interfaces, and these are {cards:,}")
    inner = _containers(policy, parties)
    rounds = tuple(
        Round(batches, translation)
        for pairs, translation in _rounds(policy, parties, inner)
        if (batches := tuple(expecting.batches(filter(choice.asks, pairs))))
    )
    met = {party for one in rounds for batch in one.batches for party in batch.pair.parties}
    hosts = {party.host for party in met}
    taking = tuple(party for party in (*parties, *inner) if party in met or party.name in hosts)
    left_out = tuple(_left_out(policy, judge, everybody))
    return Rehearsal(policy, judge, taking, rounds, base, left_out)


def _left_out(policy: Policy, judge: Judge, parties: Sequence[Party]) -> Iterator[str]:
    if found := silent(policy, judge.known, parties):
        yield f"no host can have such addresses as {', '.join(found)}"
    for family in FAMILIES:
        if numbers := unasked(policy, family):
            said = ", ".join(str(number) for number in numbers)
            yield f"no packet of IPv{family.value} protocols {said} can be sent alone and heard"


def _rounds(
    policy: Policy, parties: Sequence[Party], inner: Sequence[Party]
) -> Iterator[tuple[Iterator[Pair], Translation | None]]:
    outside = next(one for one in parties if one.kind is Kind.OUTSIDE)
    yield served(parties), None
    yield plain(parties), None
    yield spoofed(parties, outside), None
    yield forged(parties, outside), None
    yield beside(parties), None
    yield received(parties, virtual(policy)), None
    yield contained(parties, inner), Translation.SOURCE
    yield published(parties, inner), Translation.DESTINATION


def _containers(policy: Policy, parties: Sequence[Party]) -> list[Party]:
    """One behind every node, where the policy speaks of forwarded services."""
    if not any(one.forwarded for one in policy.statements):
        return []
    taken = {address for party in parties for _, address in party.addresses} | set(virtual(policy))
    return containers([one for one in parties if one.judges], taken)


@dataclass(frozen=True)
class Outcome:
    """What came of a rehearsal with one backend: all that did not fare as the policy says, the first explained."""

    backend: Backend
    odd: tuple[Odd, ...] = field(repr=False)
    explained: tuple[Disagreement, ...]


def run(
    one: Rehearsal,
    bundles: Mapping[str, Bundle],
    backend: Backend,
    progress: Progress = lambda _: None,
    processes: int = 1,
) -> Outcome:
    """The packets have been sent in a cluster of namespaces, which is gone again; large rounds by so many processes.

    A SpaceError says that it could not be made, a LostError that it could not be heard, a StoppedError that rules could
    not be applied.
    """
    _may_open_many()
    received = [address for address in virtual(one.policy) if not is_group(address)]
    with Fabric(one.parties, received) as fabric, closing(Loader(fabric, backend)) as loader:
        stage = Stage(one, fabric, loader, processes)
        stage.control()
        loader.apply({party.name: bundles[party.name] for party in one.parties if party.judges})
        odd: list[Odd] = []
        explained: list[Disagreement] = []
        for each in one.rounds:
            found = stage.ask(each, progress)
            # Now, as the next round may translate addresses.
            explained += stage.explain(found[:_COMPARED], bundles, MOST - len(explained)) if found else ()
            odd += found
    return Outcome(backend, tuple(odd), tuple(explained))


class Stage:
    """A cluster, and the sockets of all parties, which are open as long as they are used."""

    def __init__(self, one: Rehearsal, fabric: Fabric, loader: Loader, processes: int = 1) -> None:
        self.one, self.fabric, self.loader, self.processes = one, fabric, loader, processes
        self._next = FIRST  # no packet has the number of an earlier one, which may be late
        self._sent_again = 0
        self._groups = [address for address in virtual(one.policy) if is_group(address)]
        self._protocols = one.protocols

    @contextmanager
    def _volley(self, first: int | None = None) -> Iterator[Volley]:
        """The sockets of all parties are open; packets have numbers from `first` on, else those that come next."""
        with ExitStack() as opened:
            posts = {
                party: opened.enter_context(
                    closing(Post(party, self.fabric.spaces[party], self._protocols, self._groups))
                )
                for party in self.fabric.parties
            }
            volley = Volley(posts, self.one.base, first=self._next if first is None else first)
            yield opened.enter_context(closing(volley))
            self._next = volley.next

    def control(self) -> None:
        """Every way of the rehearsal has been seen to be open, as long as no rules are in force; else a LostError."""
        with self._volley() as volley:
            for each in self.one.rounds:
                self._translate(each)
                batches = tuple(control.control(each.batches, self.one.base + PORTS + SPARE))
                until = time.monotonic() + _PATIENCE
                while (odd := volley.run(batches)) and time.monotonic() < until:
                    pass
                control.require_open(odd)
        if any(each.translation for each in self.one.rounds):
            for host, _ in self._hosts():
                self.loader.untranslate(host)

    def ask(self, one: Round, progress: Progress) -> list[Odd]:
        """What of a round did not fare as expected; a LostError, where packets were lost that may have passed."""
        # What a DHCP server answers goes the way back of what clients ask it, which is asked by itself.
        served = any(batch.pair.way is Way.SERVED for batch in one.batches[:1])
        for space in self.fabric.spaces.values():
            space.set(TRACKING | {"netfilter/nf_conntrack_udp_timeout": "0" if served else "30"})
        self._translate(one)
        lost = 0
        for again in range(_TRIES):
            before = self.fabric.lost
            odd, unheard = self._asked(one.batches, progress if not again else lambda _: None)
            lost = self.fabric.lost - before + unheard
            if not lost:
                return odd
            for space in self.fabric.spaces.values():
                space.forget()
        raise LostError(f"{lost:,} packets were lost on their way: repeat it while the machine does less")

    def _asked(self, batches: Sequence[Batch], progress: Progress) -> tuple[list[Odd], int]:
        """What did not fare as expected, and how many packets no socket had room for."""
        if self.processes == 1 or sum(map(len, batches)) < _LARGE:
            return self._part(batches, self._next, progress)
        size = -(-len(batches) // self.processes)
        parts = [batches[at : at + size] for at in range(0, len(batches), size)]
        *firsts, self._next = accumulate((sum(map(len, part)) for part in parts), initial=self._next)
        works = [partial(self._part, part, first) for part, first in zip(parts, firsts, strict=True)]
        found = apart(works, progress)
        return [odd for some, _ in found for odd in some], sum(unheard for _, unheard in found)

    def _part(self, batches: Sequence[Batch], first: int, progress: Progress) -> tuple[list[Odd], int]:
        """Each part hears what others send, too, and knows its own by its numbers."""
        with self._volley(first) as volley:
            return volley.run(batches, progress), volley.lost

    def explain(self, found: Sequence[Odd], bundles: Mapping[str, Bundle], most: int) -> list[Disagreement]:
        """What is to say of packets that did not fare as expected: of one of each kind, and so many kinds at most."""
        with self._volley() as volley:
            explaining = Explaining(self.one.judge, self.fabric, self.loader, bundles, volley)
            explaining.sent = self._sent_again
            alike = explaining.groups(found)[: max(most, 0)]
            told = [explaining.explain(some[0], len(some) - 1) for some in alike]
            self._sent_again = explaining.sent
        return told

    def _translate(self, one: Round) -> None:
        if one.translation is not None:
            for host, inner in self._hosts():
                self.loader.translate(host, inner, one.translation)

    def _hosts(self) -> Iterator[tuple[Party, Party]]:
        """The nodes that have a container, with it."""
        return ((self.fabric.node(inner.host), inner) for inner in self.fabric.parties if inner.host)


def _may_open_many() -> None:
    """A node has some ten sockets, and there are many nodes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else hard
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
