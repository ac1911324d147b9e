"""The two iptables of one kernel: which of them holds rules, and what.

A packet passes both, so one of them is named and the other must be empty. What holds rules is seen before any tool
opens a table, since opening a legacy table makes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.node.host import AS_ROOT, Answer, Host
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.source import Source
from netpolicy.targets.iptables.live import Live, LiveTable, read_our_sets, read_table

_TABLES = {Family.V4: "ip_tables_names", Family.V6: "ip6_tables_names"}
_RULE = re.compile(r"^(\[\d+:\d+\] )?-A ", re.MULTILINE)
_POLICY = re.compile(r"^:\S+ (?!ACCEPT\b|-)\S+", re.MULTILINE)


class Backend(Enum):
    """The kernel's half that the tools speak to."""

    LEGACY = "iptables-legacy"
    NFT = "iptables-nft"

    @property
    def other(self) -> Backend:
        return Backend.NFT if self is Backend.LEGACY else Backend.LEGACY

    def tool(self, family: Family, verb: str) -> str:
        """`ip6tables-nft-save`, and the like."""
        variant = self.value.removeprefix("iptables-")
        return f"{'iptables' if family is Family.V4 else 'ip6tables'}-{variant}-{verb}"


@dataclass(frozen=True, slots=True)
class Observed:
    """What each backend holds: the texts of its save tools, by family."""

    texts: Mapping[Backend, Mapping[Family, str]] = field(default_factory=dict)

    def holds(self, backend: Backend) -> int:
        """Rules and policies other than ACCEPT in all its tables."""
        texts = self.texts.get(backend, {}).values()
        return sum(len(_RULE.findall(text)) + len(_POLICY.findall(text)) for text in texts)


def observe(host: Host) -> Observed:
    """What both backends hold; nothing is made by looking."""
    return Observed({Backend.LEGACY: _legacy(host), Backend.NFT: _nft(host)})


def _legacy(host: Host) -> dict[Family, str]:
    listed = {family: host.read(f"/proc/thread-self/net/{name}") or "" for family, name in _TABLES.items()}
    return {
        family: _saved(host, Backend.LEGACY, family, listed[family]) for family in FAMILIES if listed[family].strip()
    }


def _nft(host: Host) -> dict[Family, str]:
    if not host.has(Backend.NFT.tool(Family.V4, "save")):
        return {}
    texts = {family: _saved(host, Backend.NFT, family) for family in FAMILIES}
    if not all("*filter\n" in text for text in texts.values()):
        _confirm(host, texts)
    hidden = host.hidden() if any("*filter\n" in text for text in texts.values()) else []
    if hidden:
        hint = "`nft list ruleset` shows it; what nft writes belongs in a table of its own"
        raise StoppedError(Ending.REFUSED, *(error("NP766", why, hint=hint) for why in hidden))
    return texts


def _confirm(host: Host, texts: Mapping[Family, str]) -> None:
    """A filter table that was not printed is not there, by the word of another tool, or we are stopped.

    Who takes a kernel that holds rules for an empty one would put back nothing, should the apply fail.
    """
    if not host.has("nft"):
        again = {family: _saved(host, Backend.NFT, family) for family in FAMILIES}
        lacking = [family for family in FAMILIES if ("*filter\n" in again[family]) != ("*filter\n" in texts[family])]
    else:
        answer = host.run("nft", "list", "tables")
        if answer.status:
            raise StoppedError(Ending.UNUSABLE, unread("nft list tables", answer))
        there = answer.out.splitlines()
        names = {Family.V4: "table ip filter", Family.V6: "table ip6 filter"}
        lacking = [family for family in FAMILIES if names[family] in there and "*filter\n" not in texts[family]]
    if lacking:
        message = f"`{Backend.NFT.tool(lacking[0], 'save')}` did not print table `filter`, which the kernel has"
        raise StoppedError(Ending.REFUSED, error("NP766", message, hint="run it by hand and see what it says"))


def _saved(host: Host, backend: Backend, family: Family, tables: str = "") -> str:
    """The rules of a family with their counters; every one of the tables that are known to be there is in the text."""
    tool = backend.tool(family, "save")
    answer = host.run(tool, "-c")
    if answer.status:
        raise StoppedError(Ending.UNUSABLE, unread(tool, answer))
    lacking = [table for table in tables.split() if f"*{table}\n" not in answer.out]
    if lacking:
        message = f"`{tool}` did not print table `{lacking[0]}`, which the kernel has"
        raise StoppedError(Ending.REFUSED, error("NP766", message, hint="run it by hand and see what it says"))
    return answer.out


def unread(tool: str, answer: Answer) -> Diagnostic:
    """What is told when the kernel's rules cannot be read."""
    return error("NP766", f"`{tool}` cannot read the kernel's rules: {answer.why}", hint=AS_ROOT)


def choose(host: Host, observed: Observed, asked: Backend | None) -> Backend:
    """The backend to work with: the one that holds rules, else the one that is asked for, else the system's own."""
    holding = [backend for backend in Backend if observed.holds(backend)]
    if len(holding) > 1:
        raise StoppedError(Ending.REFUSED, _both(observed))
    if not holding:
        return asked or _default(host)
    if asked is not None and asked is not holding[0]:
        raise StoppedError(Ending.REFUSED, not_in_use(observed, asked))
    return holding[0]


def _both(observed: Observed) -> Diagnostic:
    counts = " and ".join(f"{backend.value} {observed.holds(backend)}" for backend in Backend)
    hint = "a packet passes both: move the rules of one into the other, or remove them, then run it again"
    notes = [
        f"`{backend.tool(Family.V4, 'save')}` and `{backend.tool(Family.V6, 'save')}` show them" for backend in Backend
    ]
    return error("NP751", f"both backends hold rules or policies: {counts}", hint=hint, notes=notes)


def not_in_use(observed: Observed, asked: Backend) -> Diagnostic:
    """What is told when a backend is asked for, and the other one holds the rules."""
    held = observed.holds(asked.other)
    hint = f"use `--backend {asked.other.value}`, or remove those first: a packet passes both"
    return error(
        "NP752", f"{asked.other.value} holds {held} rules or policies, and {asked.value} is asked for", hint=hint
    )


def _default(host: Host) -> Backend:
    """What `iptables` itself is; nf_tables where it does not say."""
    if not host.has("iptables"):
        return Backend.NFT if host.has(Backend.NFT.tool(Family.V4, "restore")) else Backend.LEGACY
    return Backend.LEGACY if "legacy" in host.run("iptables", "--version").out else Backend.NFT


def live(host: Host, backend: Backend, observed: Observed) -> Live:
    """What the backend holds, and the sets; a text that is not whole stops us."""
    tables: dict[Family, LiveTable] = {}
    found: list[Diagnostic] = []
    for family in FAMILIES:
        text = observed.texts.get(backend, {}).get(family, "")
        tables[family], problems = read_table(Source(backend.tool(family, "save"), text), family)
        found += problems
    if found:
        raise StoppedError(Ending.REFUSED, *found)
    return Live(tables[Family.V4], tables[Family.V6], *read_our_sets(Source("ipset save", _sets(host))))


def read_live(host: Host, backend: Backend) -> Live:
    """What the backend holds now."""
    texts = _legacy(host) if backend is Backend.LEGACY else _nft(host)
    return live(host, backend, Observed({backend: texts}))


def _sets(host: Host) -> str:
    """What `ipset save` prints; nothing on a host without ipset, which has no sets either."""
    if not host.has("ipset"):
        return ""
    answer = host.run("ipset", "save")
    if answer.status:
        raise StoppedError(Ending.UNUSABLE, unread("ipset save", answer))
    return answer.out
