"""A cluster in namespaces with its rules in force, quickly: by the plain restore tools, each file in one go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

from netpolicy.lab.fabric import Fabric
from netpolicy.lab.load import Loader, Translation
from netpolicy.lab.pairs import Way
from netpolicy.lab.party import Party, is_group, virtual
from netpolicy.lab.post import Post
from netpolicy.lab.rehearse import Rehearsal
from netpolicy.lab.space import inside
from netpolicy.lab.volley import Batch, Odd, Volley
from netpolicy.node.backend import Backend
from netpolicy.packet.family import FAMILIES, Family

QUIET = 0.02
"""Seconds of silence that are believed; a packet over veth arrives while it is being sent."""
_WORKERS = 4
_FILES = {Family.V4: "rules.v4", Family.V6: "rules.v6"}


class RefusedError(AssertionError):
    """A tool does not take a file that was written for it."""


def odd_of(asked: Rehearsal, files: Mapping[str, Mapping[str, str]], backend: Backend) -> list[Odd]:
    """What did not fare as expected where the nodes have these files.

    Neighbours are told, not found: namespaces go later than they are closed, and all share one table of neighbours.
    """
    with _stage(asked, files, backend) as (fabric, loader, volley):
        found: list[Odd] = []
        for batches, translation in _together(asked):
            for space in fabric.spaces.values():
                space.forget()
            for inner in fabric.parties:
                if inner.host and translation is not None:
                    loader.translate(fabric.node(inner.host), inner, translation)
            found += volley.run(batches)
        return found


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
def _stage(
    asked: Rehearsal, files: Mapping[str, Mapping[str, str]], backend: Backend
) -> Iterator[tuple[Fabric, Loader, Volley]]:
    received = virtual(asked.policy)
    groups = [one for one in received if is_group(one)]
    protocols = asked.protocols
    with ExitStack() as opened:
        taken = [one for one in received if not is_group(one)]
        fabric = opened.enter_context(Fabric(asked.parties, taken, finding=0))
        loader = opened.enter_context(closing(Loader(fabric, backend)))
        # Both tools wait for the kernel more than they work.
        with ThreadPoolExecutor(_WORKERS) as pool:
            for done in [pool.submit(_load, loader, one, files[one.name]) for one in asked.parties if one.judges]:
                done.result()
        posts = {
            party: opened.enter_context(closing(Post(party, fabric.spaces[party], protocols, groups)))
            for party in fabric.parties
        }
        yield fabric, loader, opened.enter_context(closing(Volley(posts, asked.base, QUIET)))


def _load(loader: Loader, party: Party, files: Mapping[str, str]) -> None:
    commands: list[tuple[tuple[str, ...], str]] = [(("ipset", "restore"), "sets.ipset")]
    commands += [((loader.backend.tool(family, "restore"), "-w", "5"), _FILES[family]) for family in FAMILIES]
    host = loader.host(party)
    with inside(loader.fabric.spaces[party]):
        for command, name in commands:
            if name in files:
                answer = host.run(*command, text=files[name])
                if answer.status:
                    raise RefusedError(f"`{' '.join(command)}` refuses {name}: {answer.why}\n{files[name]}")
