"""`netpolicy rehearse`: real packets judge whole clusters, and what is wrong with rules is found by packets alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from netpolicy.cli import main
from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic
from netpolicy.lab.fabric import Fabric
from netpolicy.pipeline import Built, Pipeline
from netpolicy.proof import Proved
from tests.kernel.lab import BACKENDS, MADE, Lab

# Thousands of packets, and a tracer at each line that sends one would take most of the time.
pytestmark = pytest.mark.no_cover

HERE = Path(__file__).parent
CLUSTERS = folder("rules") / "clusters"
SHIPPED = ("single", "three", "five", "twenty", "twenty-dual-stack", "rke2", "cloud-foundry")
GOLDEN = HERE.parent / "golden" / "everything" / "cluster.yaml"
DUAL = HERE / "five-dual.yaml"
PROGRAM = (sys.executable, "-m", "netpolicy")
LINE = re.compile(r"^\S+: ([\d,]+) nodes?, ([\d,]+) probes, (\d) backends?: all as the policy says$")


def rehearse(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run((*PROGRAM, "rehearse", *arguments), capture_output=True, text=True, check=False)


# What is right.


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_cluster_is_as_its_policy_says_on_every_backend(name: str) -> None:
    done = rehearse(str(CLUSTERS / f"{name}.yaml"))
    told = LINE.match(done.stdout)
    assert done.returncode == 0, done.stderr
    assert told is not None, done.stdout
    assert told[3] == str(len(BACKENDS))
    # Every ordered pair of nodes is asked about the first and the last port of TCP and UDP at least.
    nodes, probes = (int(told[place].replace(",", "")) for place in (1, 2))
    assert probes >= nodes * (nodes - 1) * 4 * len(BACKENDS)


def test_all_that_the_language_has_is_as_the_policy_says() -> None:
    """Both families, egress, refusals that are told, virtual addresses, groups, several interfaces, containers."""
    done = rehearse(str(GOLDEN), "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["published.yaml", "five-dual.yaml"])
def test_published_ports_groups_and_both_families(name: str) -> None:
    done = rehearse(str(HERE / name), "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_rules_without_sets_and_of_a_build_are_rehearsed(tmp_path: Path) -> None:
    cluster = str(CLUSTERS / "three.yaml")
    subprocess.run((*PROGRAM, "compile", cluster, "-o", str(tmp_path / "build"), "-q"), check=True)
    for options in (("--sets", "inline"), ("--build", str(tmp_path / "build"))):
        done = rehearse(cluster, "--backend", "iptables-nft", *options)
        assert done.returncode == 0, done.stderr
        assert LINE.match(done.stdout)


# What is wrong: the proof is out of the way, so that packets alone find it.

Sabotage = Callable[[dict[str, str]], dict[str, str]]


def _rules(change: Callable[[str], str], *names: str) -> Sabotage:
    def of(files: dict[str, str]) -> dict[str, str]:
        return {
            name: change(text) if name in (names or ("rules.v4", "rules.v6")) else text for name, text in files.items()
        }

    return of


def _without(pattern: str) -> Callable[[str], str]:
    return lambda text: "".join(line for line in text.splitlines(keepends=True) if not re.search(pattern, line))


def _swapped(text: str) -> str:
    return re.sub(r"(--match-set np\d-(?!nodes)\S+) src", r"\1 dst", text)


def _opened(text: str) -> str:
    """What comes in meets a rule that admits it."""
    return re.sub(r"^(-A NP-IN-\w{8}) .*np:ruleset", r"\1 -j RETURN\n\g<0>", text, flags=re.MULTILINE)


def _turned(comment: str) -> Callable[[str], str]:
    """What these rules drop of what comes in is admitted."""
    drops = re.compile(rf"^(-A NP-IN-\w{{8}} (?!-m set).*{comment}) -j DROP", re.MULTILINE)
    return lambda text: drops.sub(r"\1 -j RETURN", text)


SABOTAGES: dict[str, tuple[Sabotage, str]] = {
    "a rule is lost": (_rules(_without(r"--dport 3306 ")), "NP322"),
    "a port is widened": (_rules(lambda text: text.replace("--dport 3306 ", "--dport 3306:3307 ")), "NP321"),
    "a port is off by one": (_rules(lambda text: text.replace("--dport 3306 ", "--dport 3305 ")), "NP321"),
    "source and destination are swapped": (_rules(_swapped), "NP322"),
    "IPv6 is forgotten": (_rules(_opened, "rules.v6"), "NP321"),
    "a protocol is forgotten": (
        _rules(lambda text: text.replace("-p tcp -m tcp --dport", "-p udp -m udp --dport")),
        "NP321",
    ),
    "the last rule admits": (_rules(_turned("np:default")), "NP321"),
    "what is invalid is admitted": (_rules(_turned("np:baseline")), "NP321"),
    "answers are refused": (_rules(_without(r"-A NP-IN-\S+ -m conntrack --ctstate RELATED,ESTABLISHED")), "NP323"),
    "a set lacks a member": (_rules(_without(r"^add np4-nodes-\S+ 10\.5\.31\.20"), "sets.ipset"), "NP322"),
}


@pytest.fixture
def sabotaged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Sabotage], None]]:
    """Changes what is compiled, and switches the proof off."""

    def with_(change: Sabotage) -> None:
        honest = Pipeline.built

        def built(self: Pipeline, *arguments: Any, **named: Any) -> Iterator[tuple[Built, list[Diagnostic]]]:
            for one, found in honest(self, *arguments, **named):
                yield replace(one, files=change(one.files)), found

        def unproved(self: Pipeline, built: Built) -> tuple[Proved, list[Diagnostic]]:
            return Proved(), []

        monkeypatch.setattr(Pipeline, "built", built)
        monkeypatch.setattr(Pipeline, "proved", unproved)

    yield with_


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", SABOTAGES)
def test_sabotaged_rules_are_caught_by_packets(
    sabotaged: Callable[[Sabotage], None], capsys: pytest.CaptureFixture[str], name: str, backend: str
) -> None:
    change, code = SABOTAGES[name]
    sabotaged(change)
    status = main(["rehearse", str(DUAL), "--backend", f"iptables-{backend}"])
    told = capsys.readouterr()
    assert status == 1, told.err
    assert f"error[{code}]: iptables-{backend} " in told.err
    assert re.search(r"1 backend: [\d,]+ not as the policy says\n$", told.out)


def test_the_proof_stops_what_packets_would_find(
    sabotaged: Callable[[Sabotage], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    proved = Pipeline.proved
    sabotaged(SABOTAGES["a port is widened"][0])
    monkeypatch.setattr(Pipeline, "proved", proved)
    assert main(["rehearse", str(DUAL)]) == 1
    told = capsys.readouterr()
    assert "error[NP311]: " in told.err
    assert told.out == ""


def test_a_disagreement_names_the_packet_the_voices_and_the_rule_that_counted_it(
    sabotaged: Callable[[Sabotage], None], capsys: pytest.CaptureFixture[str]
) -> None:
    sabotaged(SABOTAGES["a port is widened"][0])
    only = ("--only", "dea1 -> data", "--backend", "iptables-nft", "--color", "never")
    assert main(["rehearse", str(CLUSTERS / "five.yaml"), *only]) == 1
    told = capsys.readouterr().err
    first = told[told.index("error[NP321]") :]
    assert "`dea1` -> `data`, tcp 10.5.31.101:" in first
    assert re.search(r"--> nodes/data/rules.v4:\d+:1", first)
    assert "note: policy: it is dropped" in first
    assert "note: kernel: it arrived, and was answered" in first
    assert "INPUT of `data`: the policy refuses it; `decide`, of the rules as read, lets it pass" in first
    assert re.search(r"INPUT of `data`: counted by `-A NP-IN-\S+ -p tcp -m tcp --dport 3306:3307 .*-j RETURN`", first)


def test_reports_for_machines_tell_the_same(
    sabotaged: Callable[[Sabotage], None], capsys: pytest.CaptureFixture[str]
) -> None:
    sabotaged(SABOTAGES["a port is widened"][0])
    asked = ["rehearse", str(CLUSTERS / "five.yaml"), "--backend", "iptables-nft", "--only", "dea -> data", "-q"]
    assert main([*asked, "--format", "json"]) == 1
    tree = json.loads(capsys.readouterr().out)
    (backend,) = tree["backends"]
    assert (tree["result"], backend["backend"]) == ("differs", "iptables-nft")
    pairs = {(one["sender"], one["receiver"]): one["probes"] for one in backend["differing_pairs"]}
    assert pairs == {(f"dea{number}", "data"): 1 for number in (1, 2, 3)}
    (told,) = backend["explained"]  # the same rules decide about the others
    assert told["finding"]["code"] == "NP321"
    assert "2 more fared like it, where the same rules decide" in told["finding"]["notes"]
    for one in backend["explained"]:
        judged = {place["hook"]: place for place in one["judged"]}
        assert judged["INPUT"]["node"] == "data"
        assert (judged["INPUT"]["policy"], judged["INPUT"]["decide"]) == ("refuses it", "lets it pass")
        assert "--dport 3306:3307" in judged["INPUT"]["counted"][0]
    assert main([*asked, "--format", "junit"]) == 1
    suites = ElementTree.fromstring(capsys.readouterr().out)
    failed = [case.attrib["name"] for case in suites.iter("testcase") if case.find("failure") is not None]
    assert sorted(name.partition(" (")[0] for name in failed) == sorted(f"{one} -> {other}" for one, other in pairs)
    assert suites.attrib["failures"] == "3"


def test_text_names_every_pair_that_fared_otherwise(
    sabotaged: Callable[[Sabotage], None], capsys: pytest.CaptureFixture[str]
) -> None:
    sabotaged(SABOTAGES["a port is widened"][0])
    assert main(["rehearse", str(CLUSTERS / "five.yaml"), "--backend", "iptables-nft"]) == 1
    told = capsys.readouterr()
    pairs = re.findall(r"^  (\S+) -> data \((\d+)\)$", told.out, re.MULTILINE)
    assert [name for name, _ in pairs] == ["core", "dea1", "dea2", "dea3"]
    assert f"{sum(int(count) for _, count in pairs)} not as the policy says" in told.out
    assert told.err.count("error[NP321]") < 4


def test_processes_that_share_a_round_find_what_one_finds(
    sabotaged: Callable[[Sabotage], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sabotaged(SABOTAGES["the last rule admits"][0])
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    told = []
    for large in (1, 1_000_000):
        monkeypatch.setattr("netpolicy.lab.rehearse._LARGE", large)
        assert main(["rehearse", str(DUAL), "--backend", "iptables-nft", "--format", "json", "-q"]) == 1
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]


def test_what_stops_a_rehearsal_is_junit_too(tmp_path: Path) -> None:
    for cluster in (str(tmp_path / "none.yaml"), str(CLUSTERS / "single.yaml")):
        done = rehearse(cluster, "--format", "junit", "--build", str(tmp_path))
        suites = ElementTree.fromstring(done.stdout)
        assert (done.returncode, suites.attrib["errors"]) == (2, "1")


# Which packets.


def test_only_some_pairs_are_rehearsed() -> None:
    cluster = str(CLUSTERS / "twenty.yaml")
    done = rehearse(cluster, "--only", "dea -> mysql", "--backend", "iptables-nft", "--format", "json")
    assert done.returncode == 0, done.stderr
    tree = json.loads(done.stdout)
    assert tree["nodes"] == 13
    assert 0 < tree["passing"] < tree["probes"]


def test_an_address_stands_for_all_that_the_policy_does_not_tell_from_it() -> None:
    done = rehearse(str(CLUSTERS / "twenty.yaml"), "--only", "198.51.100.7 -> core", "--backend", "iptables-nft")
    assert done.returncode == 0, done.stderr
    assert LINE.match(done.stdout)


@pytest.mark.parametrize(
    ("only", "code"),
    [
        ("dea -> mysl", "NP112"),
        ("dea -> mysql : tcp 3306", "NP325"),
        ("nas -> outside", "NP325"),
        ("", "NP325"),
    ],
)
def test_what_is_wrong_with_only_is_told(only: str, code: str) -> None:
    done = rehearse(str(CLUSTERS / "twenty.yaml"), "--only", only)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"error[{code}]: " in done.stderr


# The machine.


def spaces() -> set[str]:
    """The network namespaces that something keeps: a process that is in it, an open handle, or a name."""
    found = set(re.findall(r"net:\[\d+\]", Path("/proc/self/mountinfo").read_text(encoding="ascii")))
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            handles = [process / "ns" / "net", *(process / "fd").iterdir()]
            for handle in handles:
                with suppress(OSError):
                    found.add(str(handle.readlink()))
    return {name for name in found if name.startswith("net:[")}


def quiet(before: set[str]) -> bool:
    """True as soon as there are no namespaces but those before; processes take their time to go."""
    until = time.monotonic() + 20
    while spaces() - before and time.monotonic() < until:
        time.sleep(0.1)
    return not spaces() - before


def neighbours() -> int:
    """How many neighbours all namespaces of this machine know."""
    tables = (Path("/proc/net/stat", name).read_text(encoding="ascii") for name in ("arp_cache", "ndisc_cache"))
    return sum(int(table.split("\n")[1].split()[0], 16) for table in tables)


@pytest.mark.alone
def test_neighbours_that_were_found_are_forgotten_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All namespaces share a table of them, and one that is closed goes only later."""
    known: list[int] = []

    class Counting(Fabric):
        def close(self) -> None:
            known.append(neighbours())
            super().close()
            known.append(neighbours())

    monkeypatch.setattr("netpolicy.lab.rehearse.Fabric", Counting)
    assert main(["rehearse", str(DUAL), "--backend", "iptables-nft", "-q"]) == 0
    before, after = known
    assert before - after > 100


def here() -> tuple[str, ...]:
    """What this machine's own network has: interfaces, addresses, routes, and names of namespaces."""
    asked = ("link", "address", "route", "-6 route", "netns")
    texts = [subprocess.run(("ip", *one.split()), capture_output=True, text=True, check=True).stdout for one in asked]
    return tuple(re.sub(r"\b\d+sec\b", "", text) for text in texts)


@pytest.mark.alone
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(lab: Lab, how: signal.Signals) -> None:
    """In the middle of its work; a namespace of others, and this machine's own, are as they were."""
    foreign = lab.space("foreign")
    lab.restore(foreign, "iptables-nft-restore", "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n")
    before, held, named = spaces(), foreign.run("iptables-nft", "-S").stdout, here()
    files = sorted(Path(tempfile.gettempdir()).glob("netpolicy*"))
    process = subprocess.Popen(
        (*PROGRAM, "rehearse", str(CLUSTERS / "twenty.yaml")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while len(spaces() - before) < 20 and time.monotonic() < until:
        time.sleep(0.02)
    assert len(spaces() - before) >= 20, "the rehearsal never began"
    assert here() == named
    if how is signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does
    else:
        process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert quiet(before), "namespaces of the rehearsal are left"
    assert process.returncode == (130 if how is signal.SIGINT else -how), err
    assert out == ""
    assert (foreign.run("iptables-nft", "-S").stdout, here()) == (held, named)
    assert "-P INPUT DROP\n" in held
    assert foreign.name in [path.name for path in MADE.iterdir()]
    assert sorted(Path(tempfile.gettempdir()).glob("netpolicy*")) == files


def test_without_the_privilege_it_says_so() -> None:
    bare = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    done = subprocess.run(
        (*bare, *PROGRAM, "rehearse", str(CLUSTERS / "single.yaml")), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "error[NP324]: no network namespace can be made: operation not permitted" in done.stderr
    assert "run it as root, or as root of namespaces of your own" in done.stderr


def test_root_of_ones_own_namespaces_is_enough() -> None:
    own = ("unshare", "--user", "--map-root-user", "--net")
    done = subprocess.run(
        (*own, *PROGRAM, "rehearse", str(CLUSTERS / "single.yaml")), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert LINE.match(done.stdout)
