"""What a resolver, a hosts file, an ARP frame and a watch say."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netpolicy.node.arp import claimed, probe
from netpolicy.node.machine import check
from netpolicy.node.resolver import read_names, resolved
from netpolicy.node.watch import Lines
from tests.unit.test_node_rules import CORE, DEA, LEASED, NODES, at, named, state

OWN = bytes.fromhex("020000000001")
OTHER = bytes.fromhex("020000000007")


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The only resolver there is, which knows these names."""
    known: dict[str, list[str]] = {}

    def asked(name: str, *_: Any, **__: Any) -> list[Any]:
        if name not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, 0)) for text in known[name]]

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    return known


def test_answers_and_the_reason_of_none(resolver: dict[str, list[str]]) -> None:
    resolver["als.example.com"] = ["10.0.0.1", "10.0.0.1", "fe80::1%eth0"]
    found, missing = resolved(["als.example.com", "nosuch"])
    assert found.addresses == (at("10.0.0.1"), at("fe80::1"))
    assert (missing.addresses, missing.failure) == ((), "name or service not known")


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def asked(*_: Any, **__: Any) -> list[Any]:
        over.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    (one,) = resolved(["als.example.com"], patience=0.05)
    over.set()
    assert one.failure == "no answer within 0.05 s"


def test_a_name_that_is_none_of_a_host() -> None:
    (one,) = resolved(["a" * 70 + ".example.com"])
    assert one.failure


def test_lines_of_hosts_with_a_name_of_ours(resolver: dict[str, list[str]], tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\nnonsense ALS.example.com\n127.0.1.1 als ALS.example.com # x\n", "utf-8")
    names = read_names(named(CORE), hosts=hosts)
    assert [(one.number, one.address) for one in names.hosts] == [(3, at("127.0.1.1"))]
    assert names.hostname == socket.gethostname()
    assert [one.name for one in names.answers] == [
        "als.example.com",
        "api.als.example.com",
        "any-application.als.example.com",
    ]


def test_the_hosts_file_of_a_namespace_comes_first(resolver: dict[str, list[str]], tmp_path: Path) -> None:
    own = tmp_path / "hosts"
    resolver |= {"als.example.com": ["127.0.1.1"], "api.als.example.com": ["203.0.113.1"]}
    asked = named(CORE)
    without = read_names(asked, own_hosts=own).answer("als.example.com")
    assert without is not None and without.addresses == (at("127.0.1.1"),)
    own.write_text("10.0.0.1 als.example.com\n", encoding="utf-8")
    names = read_names(asked, own_hosts=own)
    core, api = names.answer("als.example.com"), names.answer("api.als.example.com")
    assert core is not None and core.addresses == (at("10.0.0.1"),)
    assert api is not None and api.addresses == (at("203.0.113.1"),)


def test_a_cluster_without_names_asks_nothing(resolver: dict[str, list[str]]) -> None:
    assert read_names(DEA).answers == ()


# ARP.


def test_a_probe_teaches_no_neighbour() -> None:
    frame = probe(OWN, 0x0A000001)
    assert frame[:6] == b"\xff" * 6
    assert claimed(frame) is None
    assert frame[-4:] == bytes((10, 0, 0, 1))
    assert len(frame) == 42


def test_an_answer_says_who_has_the_address() -> None:
    body = bytes.fromhex("0001080006040002") + OTHER + bytes((10, 0, 0, 1)) + OWN + bytes(4)
    frame = OWN + OTHER + bytes.fromhex("0806") + body
    assert claimed(frame) == (0x0A000001, OTHER)
    assert claimed(frame + bytes(18)) == (0x0A000001, OTHER)  # padded to the shortest frame
    assert claimed(frame[:-1]) is None
    assert claimed(frame[:12] + b"\x08\x00" + frame[14:]) is None
    assert claimed(frame[:14] + b"\x00\x06" + frame[16:]) is None


# Watching.


def lines(*states: Any, json_lines: bool = False) -> list[list[str]]:
    """What is said of each state after the first; the summary is the first address that is held."""
    judged = [check(NODES, one, "core") for one in states]
    summaries = [str(one.state.links[1].addresses[:1]) for one in judged]
    said = Lines(judged[0], summaries[0], json_lines=json_lines)
    return [list(said.about(one, text)) for one, text in zip(judged[1:], summaries[1:], strict=True)]


def test_what_comes_and_goes_is_told_once() -> None:
    right, wrong = state("10.0.0.1/24"), state("10.0.0.9/24")
    lost, same, back = lines(right, wrong, wrong, right)
    assert "found error[NP706]: `eth0` does not hold 10.0.0.1" in lost[0]
    assert "kato op static_ip" in lost[0]
    assert (len(lost), same) == (2, [])
    assert " gone error[NP706]: " in back[0]
    assert "kato" not in back[0]


def test_a_lease_that_runs_is_no_change() -> None:
    first, second = (state(LEASED | {"valid": left}) for left in (600, 599))
    judged = [check(NODES, one, "core") for one in (first, second)]
    assert list(Lines(judged[0], "", json_lines=False).about(judged[1], "")) == []


def test_a_change_without_a_finding_is_told_too() -> None:
    ((line,),) = lines(state("10.0.0.1/24"), state("10.0.0.1/16"))
    assert "prefix=16" in line


def test_lines_as_json() -> None:
    (found,) = lines(state("10.0.0.1/24"), state(), json_lines=True)
    first, second = (json.loads(line) for line in found)
    assert (first["change"], first["code"], first["severity"]) == ("found", "NP706", "error")
    assert (second["change"], second["node"], second["in_order"]) == ("state", "core", False)
    assert first["at"].endswith("+00:00")


def test_the_same_finding_of_another_weight_is_a_change() -> None:
    one = check(NODES, state("10.0.0.9/24"), "core")
    lighter = replace(one, found=(replace(one.found[0], severity=type(one.found[0].severity).NOTICE),))
    assert len(list(Lines(one, "", json_lines=False).about(lighter, ""))) == 3
