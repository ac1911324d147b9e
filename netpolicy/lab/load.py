"""Brings the rules of nodes into force in their namespaces, by the very applier that a node has."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from netpolicy.lab.fabric import Fabric
from netpolicy.lab.pairs import CONTAINED
from netpolicy.lab.party import Party, masks
from netpolicy.lab.space import SpaceError, inside
from netpolicy.node.apply import Choices, apply
from netpolicy.node.backend import Backend
from netpolicy.node.bundle import Bundle
from netpolicy.node.host import Host
from netpolicy.node.journal import Applied, Attempt, Journal, Phase, Record
from netpolicy.node.legacy import BackendUnavailableError
from netpolicy.packet.addresses import address_text
from netpolicy.packet.family import FAMILIES, Family

if TYPE_CHECKING:
    from netpolicy.node.legacy import Voice

_WORKERS = 4
_NAME = 100
_PORTED = ("tcp", "udp")


class Translation(Enum):
    """What a node does for its container: it sends with its own address what that sends, or publishes every port."""

    SOURCE = "SNAT"
    DESTINATION = "DNAT"


class LabHost(Host):
    """A node in a namespace of this machine: what locks the tools of iptables is its own, not the machine's."""

    def __init__(self, lock: str) -> None:
        self._lock = lock

    def environment(self) -> dict[str, str]:
        return super().environment() | {"XTABLES_LOCKFILE": self._lock}

    def voice(self) -> Voice:
        raise BackendUnavailableError("a rehearsal hears the packets instead", "")


class LabJournal(Journal):
    """A journal that nobody needs when the rehearsal is over, however it ends: it is on no disk."""

    def __init__(self) -> None:
        super().__init__(Path())
        self._record = self._next = Record()

    def read(self) -> Record:
        return self._record

    @contextmanager
    def locked(self, within: float) -> Iterator[None]:
        yield

    def begin(self, bundle: Bundle, attempt: Attempt, before: Record) -> None:
        one = bundle.identity
        applied = Applied(one.cluster, one.node, one.digest, one.serial, attempt.backend, attempt.at)
        self._next = Record(applied, replace(attempt, phase=Phase.APPLIED))
        self._record = Record(before.in_force, attempt)

    def applied(self) -> None:
        self._record = self._next

    def ended(self, attempt: Attempt, phase: Phase, before: Record) -> None:
        self._record = Record(before.in_force, replace(attempt, phase=phase))

    def kept(self, digest: str) -> Bundle | None:
        return None

    def keeps(self, bundle: Bundle) -> bool:
        return True


class Loader:
    """Loads rules by one backend. The locks of its nodes are files in memory, until it is closed."""

    def __init__(self, fabric: Fabric, backend: Backend) -> None:
        self.fabric = fabric
        self.backend = backend
        self._locks: dict[Party, int] = {}

    def close(self) -> None:
        """The locks are gone."""
        locks, self._locks = self._locks, {}
        for handle in locks.values():
            os.close(handle)

    def host(self, party: Party) -> LabHost:
        """The party as a machine; its programs run in the namespace of the thread that runs them."""
        if party not in self._locks:
            self._locks[party] = os.memfd_create(str(party)[:_NAME])
        return LabHost(f"/proc/{os.getpid()}/fd/{self._locks[party]}")

    def apply(self, bundles: Mapping[str, Bundle]) -> None:
        """Every node has its rules in force; a StoppedError tells why one has not."""
        with ThreadPoolExecutor(_WORKERS) as pool:
            done = [pool.submit(self._apply, self.fabric.node(name), bundle) for name, bundle in bundles.items()]
            for one in done:
                one.result()

    def _apply(self, party: Party, bundle: Bundle) -> None:
        with inside(self.fabric.spaces[party]):
            apply(self.host(party), bundle, LabJournal(), Choices(self.backend))

    def translate(self, party: Party, container: Party, how: Translation) -> None:
        """The node does this for its container, on all its declared interfaces."""
        host = self.host(party)
        with inside(self.fabric.spaces[party]):
            for family in FAMILIES:
                inner = next((number for _, (of, number) in container.addresses if of is family), None)
                if inner is not None and any(of is family for _, (of, _) in party.addresses):
                    tool = self.backend.tool(family, "restore")
                    answer = host.run(tool, "--noflush", "-w", "5", text=_nat(party, family, inner, how))
                    if answer.status:
                        raise SpaceError(f"`{tool}` cannot translate at `{party.name}`: {answer.why}")

    def untranslate(self, party: Party) -> None:
        """The node translates no addresses."""
        with inside(self.fabric.spaces[party]):
            for family in FAMILIES:
                tool = self.backend.tool(family, "restore")
                answer = self.host(party).run(tool, "-w", "5", text="*nat\nCOMMIT\n")
                if answer.status:
                    raise SpaceError(f"`{tool}` cannot end what `{party.name}` translates: {answer.why}")


def _nat(party: Party, family: Family, inner: int, how: Translation) -> str:
    text = address_text(family, inner)
    to = f"{text}:{CONTAINED}" if family is Family.V4 else f"[{text}]:{CONTAINED}"
    lines = []
    if how is Translation.DESTINATION:
        begins = (f"-A PREROUTING -i {card.name} -p {one}" for card, one in product(party.cards, _PORTED))
        lines = [f"{begin} -j DNAT --to-destination {to}" for begin in begins]
    elif (mask := masks(party).get(family)) is not None:
        lines = [f"-A POSTROUTING -s {text} -o {party.cards[0].name} -j SNAT --to-source {address_text(family, mask)}"]
    return "\n".join(["*nat", *lines, "COMMIT", ""])
