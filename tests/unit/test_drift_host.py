"""Which kernel's rules a drift reads, and what it does where they cannot be read: on a host that only says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import pytest

from netpolicy.data import folder
from netpolicy.diagnostic import error
from netpolicy.node.backend import Backend
from netpolicy.node.bundle import Bundle, bundle_of
from netpolicy.node.drift import drift, of_kernel, of_texts
from netpolicy.node.host import Answer, Host
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.policy.identity import identity_of
from netpolicy.source import Source
from netpolicy.targets.iptables.drift import Kind
from tests.compiling import compiled
from tests.dumps import Dump, saved

EMPTY = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
FOREIGN = EMPTY.replace("COMMIT", "-A INPUT -p tcp -j DROP\nCOMMIT")
NFT, LEGACY = Backend.NFT, Backend.LEGACY


@dataclass
class Saying(Host):
    """A host whose tools print these texts, both families the same; tools that are not named are not there."""

    texts: Mapping[Backend, tuple[str, str]] = field(default_factory=dict)
    sets: str | None = ""
    own: str = "nf_tables"

    def hidden(self) -> list[str]:
        return []

    def run(self, *command: str, text: str = "", within: float = 60.0) -> Answer:
        if not self.has(command[0]):
            raise StoppedError(Ending.UNUSABLE, error("NP753", f"`{command[0]}` is not installed"))
        if command[0] == "ipset":
            return Answer(0, self.sets or "", "")
        if command[0] == "iptables":
            return Answer(0, f"iptables v1.8.9 ({self.own})", "")
        backend = LEGACY if "legacy" in command[0] else NFT
        return Answer(0, self.texts[backend][command[0].startswith("ip6")], "")

    def has(self, program: str) -> bool:
        tools = {backend.tool(family, "save") for backend in self.texts for family in FAMILIES}
        return program in {*tools, "iptables", *(("ipset",) if self.sets is not None else ())}

    def read(self, path: str) -> str | None:
        return "filter\n" if LEGACY in self.texts else None


@cache
def core() -> tuple[Bundle, Dump]:
    """What the core must hold, and the dump of a kernel that does."""
    pipeline = compiled({}, cluster=str(folder("rules") / "clusters" / "five-closed-egress.yaml"))
    assert pipeline.policy is not None
    one = next(built for built, _ in pipeline.built(of="core"))
    node = next(node for node in pipeline.policy.cluster.nodes if node.name == "core")
    return bundle_of(identity_of(pipeline.policy.cluster, node, one.digest), one.files, {}), saved(one.files)


def ours() -> tuple[str, str]:
    return core()[1].v4, core()[1].v6


def kinds(host: Host, asked: Backend | None = None) -> tuple[str, list[Kind]]:
    held = of_kernel(host, asked)
    return held.backend, [one.kind for one in drift(held, core()[0]).differences]


@pytest.mark.parametrize("backend", Backend)
def test_the_backend_that_holds_our_chains_is_read(backend: Backend) -> None:
    host = Saying(texts={backend: ours(), backend.other: (EMPTY, EMPTY)}, sets=core()[1].sets)
    assert kinds(host) == (backend.value, [])
    with_foreign = Saying(texts={backend: ours(), backend.other: (FOREIGN, EMPTY)}, sets=core()[1].sets)
    assert kinds(with_foreign) == (backend.value, [Kind.OTHER_BACKEND])


def test_our_chains_in_both_backends_are_told_of_the_other() -> None:
    host = Saying(texts={NFT: ours(), LEGACY: ours()}, sets=core()[1].sets)
    for asked in (None, *Backend):
        held = of_kernel(host, asked)
        assert held.backend == (asked or NFT).value
        (other,) = held.others
        assert (other.kind, other.name, other.found[1:]) == (Kind.OTHER_BACKEND, held_other(held.backend), ("ours",))


@pytest.mark.parametrize("asked", Backend)
def test_a_backend_that_is_named_and_is_not_that_of_our_chains_is_refused(asked: Backend) -> None:
    """It would be said that nothing is filtered, and that is false. Who was applied there is told of the other one."""
    for beside in (EMPTY, FOREIGN):
        host = Saying(texts={asked.other: ours(), asked: (beside, EMPTY)}, sets=core()[1].sets)
        with pytest.raises(StoppedError) as caught:
            of_kernel(host, asked, named=True)
        assert [one.code for one in caught.value.found] == ["NP752"]
        assert of_kernel(host, asked).others[0].found[1:] == ("ours",)
        assert of_kernel(host, asked.other, named=True).backend == asked.other.value
    empty = Saying(texts={asked.other: (FOREIGN, EMPTY), asked: (EMPTY, EMPTY)})
    assert of_kernel(empty, asked, named=True).backend == asked.value


def held_other(backend: str) -> str:
    return Backend(backend).other.value


def test_where_nothing_is_held_nothing_is_loaded() -> None:
    for own, backend in (("nf_tables", NFT), ("legacy", LEGACY)):
        host = Saying(texts={NFT: (EMPTY, EMPTY), LEGACY: (EMPTY, EMPTY)}, own=own)
        assert kinds(host) == (backend.value, [Kind.NOT_LOADED, Kind.NOT_LOADED])


def test_foreign_rules_in_both_are_no_reason_to_look_at_neither() -> None:
    host = Saying(texts={NFT: (FOREIGN, EMPTY), LEGACY: (FOREIGN, EMPTY)})
    assert Kind.OTHER_BACKEND in kinds(host)[1]


@pytest.mark.parametrize("asked", Backend)
def test_a_tool_that_is_not_there_is_told_and_never_taken_for_an_empty_kernel(asked: Backend) -> None:
    host = Saying(texts={asked.other: (EMPTY, EMPTY)})
    with pytest.raises(StoppedError, match=f"`{asked.tool(Family.V4, 'save')}` is not installed"):
        of_kernel(host, asked)


def test_without_ipset_there_is_no_word_of_sets() -> None:
    host = Saying(texts={NFT: ours()}, sets=None)
    with pytest.raises(StoppedError, match="`ipset` is not installed"):
        of_kernel(host)
    assert of_kernel(host, sets=False).live.sets == {}


def test_the_backend_of_texts_is_what_all_of_them_say() -> None:
    def backend(v4: str, v6: str) -> str:
        return of_texts(Source("v4", v4), Source("v6", v6), Source("sets", ""))[0].backend

    nft, legacy = (
        f"# Generated by iptables-save v1.8.9{word} on Mon Nov 23 14:04:54 2026\n{EMPTY}"
        for word in (" (nf_tables)", "")
    )
    assert (backend(nft, nft), backend(legacy, legacy)) == ("iptables-nft", "iptables-legacy")
    assert backend(nft, legacy) == backend(nft, EMPTY) == backend(EMPTY, EMPTY) == ""
