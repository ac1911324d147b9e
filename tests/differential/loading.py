"""A cluster in namespaces with its rules in force, quickly: by the plain restore tools, each file in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from netpolicy.lab.fabric import Fabric
from netpolicy.lab.load import Loader, Translation
from netpolicy.lab.pairs import Way
from netpolicy.lab.party import Party, is_group, virtual
from netpolicy.lab.post import Post
from netpolicy.lab.rehearse import Rehearsal
from netpolicy.lab.space import TRACKING, inside
from netpolicy.lab.volley import Batch, Odd, Volley
from netpolicy.node.backend import Backend
from netpolicy.packet.family import FAMILIES, Family

QUIET = 0.02
"""Seconds of silence that are believed; a packet over veth arrives while it is being sent."""
_WORKERS = 4
_NOTHING = "*filter\nCOMMIT\n*nat\nCOMMIT\n"
_FILES = {Family.V4: "rules.v4", Family.V6: "rules.v6"}


class RefusedError(AssertionError):
    """A tool does not take a file that was written for it."""

    def __init__(self, backend: Backend, why: str) -> None:
        super().__init__(why)
        self.backend = backend


Files = Mapping[str, Mapping[str, str]]
"""The files of each node."""


def odd_of(asked: Rehearsal, files: Files, backends: Sequence[Backend]) -> list[tuple[Backend, list[Odd]]]:
    """What did not fare as expected where the nodes have these files, by one backend after the other.

    Neighbours are told, not found: namespaces go later than they are closed, and all share one table of neighbours.
    """
    found: list[tuple[Backend, list[Odd]]] = []
    taken = [one for one in virtual(asked.policy) if not is_group(one)]
    with Fabric(asked.parties, taken, finding=0) as fabric, _volley(asked, fabric) as volley:
        for backend in backends:
            with closing(Loader(fabric, backend)) as loader:
                _at_nodes(loader, partial(_load, files=files))
                found.append((backend, list(_odd(asked, loader, volley))))
                if backend is not backends[-1]:
                    _at_nodes(loader, _unload)
    return found


def _odd(asked: Rehearsal, loader: Loader, volley: Volley) -> Iterator[Odd]:
    fabric = loader.fabric
    for space in fabric.spaces.values():
        space.set(TRACKING)
    for batches, translation in _together(asked):
        for space in fabric.spaces.values():
            space.forget()
        for inner in fabric.parties:
            if inner.host and translation is not None:
                loader.translate(fabric.node(inner.host), inner, translation)
        yield from volley.run(batches)
        assert not volley.lost


def _together(asked: Rehearsal) -> Iterator[tuple[list[Batch], Translation | None]]:
    """The rounds, as many of them at once as can be.

    What comes as a DHCP server answers goes alone: a node that asks seems to answer it.
    """
    alone = [batch for batch in asked.batches if batch.pair.way is Way.SERVED]
    rest = [batch for one in asked.rounds if one.translation is None for batch in one.batches]
    rounds: list[tuple[list[Batch], Translation | None]] = [
        (alone, None),
        ([batch for batch in rest if batch.pair.way is not Way.SERVED], None),
        *((list(one.batches), one.translation) for one in asked.rounds if one.translation is not None),
    ]
    return (one for one in rounds if one[0])


@contextmanager
def _volley(asked: Rehearsal, fabric: Fabric) -> Iterator[Volley]:
    groups = [one for one in virtual(asked.policy) if is_group(one)]
    protocols = asked.protocols
    with ExitStack() as opened:
        posts = {
            party: opened.enter_context(closing(Post(party, fabric.spaces[party], protocols, groups)))
            for party in fabric.parties
        }
        yield opened.enter_context(closing(Volley(posts, asked.base, QUIET)))


def _at_nodes(loader: Loader, act: Callable[[Loader, Party], None]) -> None:
    """It is done at every node; several at once, as the tools wait for the kernel more than they work."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        for done in [pool.submit(act, loader, party) for party in loader.fabric.parties if party.judges]:
            done.result()


def _load(loader: Loader, party: Party, files: Files) -> None:
    own = files[party.name]
    if "sets.ipset" in own:
        _restore(loader, party, ("ipset", "restore"), own["sets.ipset"])
    for family in FAMILIES:
        _restore(loader, party, (loader.backend.tool(family, "restore"), "-w", "5"), own[_FILES[family]])


def _unload(loader: Loader, party: Party) -> None:
    for family in FAMILIES:
        _restore(loader, party, (loader.backend.tool(family, "restore"), "-w", "5"), _NOTHING)


def _restore(loader: Loader, party: Party, command: tuple[str, ...], text: str) -> None:
    with inside(loader.fabric.spaces[party]):
        answer = loader.host(party).run(*command, text=text)
    if answer.status:
        raise RefusedError(loader.backend, f"`{' '.join(command)}` refuses what is written: {answer.why}")
