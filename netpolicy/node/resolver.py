"""What the machine's own resolver says of the cluster's names, within a bounded time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

from netpolicy.packet.addresses import Family
from netpolicy.policy.cluster import Address
from netpolicy.policy.identity import Identity
from netpolicy.policy.nodestate import Answer, HostsLine, Names

PATIENCE = 2.0
"""Seconds for all names together."""
WILDCARD = "any-application"


def wildcard_name(identity: Identity) -> str:
    """A name that only a wildcard record of the cluster resolves; empty where the cluster has no name."""
    domain = identity.core_name or identity.api_name.removeprefix("api.")
    return f"{WILDCARD}.{domain}" if domain else ""


def read_names(identity: Identity, own_hosts: Path | None = None, hosts: Path = Path("/etc/hosts")) -> Names:
    """The machine's hostname, the answers for the names of the cluster, and what /etc/hosts says of these.

    `own_hosts` is the hosts file of a namespace, if it has one: it comes before the resolver, and stands for
    /etc/hosts.
    """
    asked = [one for one in dict.fromkeys((identity.core_name, identity.api_name, wildcard_name(identity))) if one]
    if own_hosts is None or not own_hosts.exists():
        return Names(socket.gethostname(), resolved(asked), tuple(_hosts(hosts, asked)))
    lines = tuple(_hosts(own_hosts, asked))
    given = {name: tuple(sorted({line.address for line in lines if _names(line, name)})) for name in asked}
    answered = {one.name: one for one in resolved(name for name in asked if not given[name])}
    answers = tuple(answered.get(name) or Answer(name, given[name]) for name in asked)
    return Names(socket.gethostname(), answers, lines)


def resolved(names: Iterable[str], patience: float = PATIENCE) -> tuple[Answer, ...]:
    """An answer for each name; what the resolver has not said after `patience` seconds is a failure."""
    answers: dict[str, Answer] = {}

    def ask(name: str) -> None:
        answers[name] = _answer(name)

    # Nothing stops a resolver that hangs; a daemon thread is left behind and ends with the process.
    listed = list(names)
    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in listed]
    for thread in threads:
        thread.start()
    end = time.monotonic() + patience
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = f"no answer within {patience:g} s"
    return tuple(answers.get(name) or Answer(name, failure=late) for name in listed)


def _answer(name: str) -> Answer:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as failure:
        why = failure.strerror if isinstance(failure, OSError) else "no name of a host"
        return Answer(name, failure=(why or "no reason given").lower())
    return Answer(name, tuple(sorted({_address(str(one[4][0])) for one in found})))


def _address(text: str) -> Address:
    address = ip_address(text.partition("%")[0])
    return Family(address.version), int(address)


def _names(line: HostsLine, name: str) -> bool:
    return name.lower() in (one.lower() for one in line.names)


def _hosts(path: Path, names: list[str]) -> Iterable[HostsLine]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    wanted = {name.lower() for name in names}
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if wanted.isdisjoint(word.lower() for word in words[1:]):
            continue
        try:
            yield HostsLine(number, _address(words[0]), tuple(words[1:]))
        except ValueError:
            continue
