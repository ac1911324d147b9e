"""The instruments: foreign rules, start states, faults and events, each seen to tell what it is there to tell."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.kernel.build import Build
from tests.kernel.events import events
from tests.kernel.faults import Fault, Tools, Way, full_disk, held, held_for
from tests.kernel.foreign import outline, seed
from tests.kernel.lab import BACKENDS, TABLE_OF, Lab, Namespace
from tests.kernel.scenes import beside
from tests.kernel.states import Start, legacy_tables, make, seen
from tests.kernel.verdict import NEW_CLUSTER, NODE, OLD_CLUSTER

pytestmark = pytest.mark.alone

FAMILIES = tuple(TABLE_OF.values())


@pytest.mark.parametrize("backend", BACKENDS)
def test_rules_of_others_are_seen_to_be_the_same_beside_ours(
    lab: Lab, build: Callable[..., Build], backend: str
) -> None:
    space = lab.space("one")
    seed(lab, space, backend)
    before = outline(lab, space, backend)
    assert before.count("f2b-sshd") > 4
    assert "\ntable inet f2b-table" in before
    for cluster in (OLD_CLUSTER, NEW_CLUSTER):
        beside(lab, space, build(cluster), NODE, backend)
        assert "NETPOLICY-IN" in lab.saved(space, f"iptables-{backend}-save")
        assert outline(lab, space, backend) == before


CHANGES: dict[str, tuple[str, ...]] = {
    "a rule is gone": ("{tool}", "-w", "-D", "f2b-sshd", "1"),
    "a rule is new": ("{tool}", "-w", "-A", "DOCKER-USER", "-j", "DROP"),
    "a policy is another": ("{tool}", "-w", "-P", "FORWARD", "ACCEPT"),
    "a chain is new": ("{tool}", "-w", "-t", "nat", "-N", "DOCKER-NEW"),
    "a ban is gone": ("ipset", "del", "f2b-recidive", "203.0.113.77"),
    "a set was made again": ("ipset", "flush", "KUBE-LOOP-BACK"),
    "a table is gone": ("nft", "delete", "table", "ip", "docker-bridges"),
    "a native ban is gone": ("nft", "delete", "element", "inet", "f2b-table", "addr-set-sshd", "{ 203.0.113.66 }"),
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_any_change_to_the_rules_of_others_is_seen(lab: Lab, backend: str) -> None:
    for number, (name, words) in enumerate(CHANGES.items()):
        for family in FAMILIES if "{tool}" in words else ("",):
            space = lab.space(f"s{number}{family[:3]}")
            seed(lab, space, backend)
            before = outline(lab, space, backend)
            done = space.run(*(one.replace("{tool}", f"{family}-{backend}") for one in words), lock=lab.lock)
            assert done.returncode == 0, done.stderr
            assert outline(lab, space, backend) != before, name


@pytest.mark.parametrize("start", Start)
def test_a_start_state_is_what_it_says_and_looking_changes_nothing(lab: Lab, start: Start) -> None:
    space = lab.space("one")
    make(lab, space, start)
    first = seen(lab, space)
    assert first.holding == start.holding
    assert seen(lab, space) == first
    legacy = {backend for backend, *_ in start.value} & {"legacy"}
    assert legacy_tables(space) == (("4 filter", "6 filter") if legacy else ())


@pytest.mark.parametrize("act", [held, lambda lock: held_for(lock, 600)], ids=["held", "held by another"])
def test_a_held_lock_keeps_the_legacy_tools_out_until_it_is_free(
    lab: Lab, act: Callable[[str], AbstractContextManager[None]]
) -> None:
    space = lab.space("one")
    asked = ("iptables-legacy-restore", "-w", "1")
    with act(lab.lock):
        done = space.run(*asked, text="*filter\nCOMMIT\n", lock=lab.lock)
        assert done.returncode == 4, done.stderr
    lab.restore(space, "iptables-legacy-restore -w 1", "*filter\nCOMMIT\n")


def tried(tools: Tools, lab: Lab, space: Namespace, *command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """The command, found by the folder of tools."""
    return space.run("env", f"PATH={tools.path}", "timeout", "-s", "KILL", "2", *command, text=text, lock=lab.lock)


TEXT = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 192.0.2.7/32 -j DROP\nCOMMIT\n"
RULE = "-A INPUT -s 192.0.2.7/32 -j DROP"
# By way: the exit status of the second restore, and whether its rule is there.
OUTCOMES: dict[Way, tuple[int, bool]] = {
    "fails": (1, False),
    "hangs": (-9, False),
    "is silent": (0, False),
    "fails after all": (1, True),
    "is killed": (-9, False),
}


@pytest.mark.parametrize("way", OUTCOMES)
def test_a_tool_fails_at_the_call_that_it_is_told_to(lab: Lab, tmp_path: Path, way: Way) -> None:
    status, loaded = OUTCOMES[way]
    space = lab.space("one")
    tools = Tools(tmp_path / "tools", {"iptables-nft-restore": Fault(2, way, about="--noflush")})
    first = tried(tools, lab, space, "iptables-nft-restore", "--noflush", text=TEXT.replace("192", "198"))
    other = tried(tools, lab, space, "iptables-nft-restore", "--test", "-n", text=TEXT)
    assert (first.returncode, other.returncode, tools.struck) == (0, 0, False), first.stderr + other.stderr
    second = tried(tools, lab, space, "iptables-nft-restore", "--noflush", text=TEXT)
    assert tools.struck
    # `timeout` tells of a child that was killed by 137, or dies of its own signal.
    assert second.returncode in ({status} if status >= 0 else {status, 128 - status}), second.stderr
    assert (RULE in lab.saved(space, "iptables-nft-save")) is loaded
    third = tried(tools, lab, space, "iptables-nft-restore", "--noflush", text=TEXT)
    assert third.returncode == 0, third.stderr
    assert RULE in lab.saved(space, "iptables-nft-save")
    assert [(call.tool, call.text == TEXT) for call in tools.writes] == [
        ("iptables-nft-restore", text) for text in (False, True, True)
    ]
    assert len(tools.calls) == 4


def test_a_tool_prints_half_of_what_it_has_to_say(lab: Lab, tmp_path: Path) -> None:
    space = lab.space("one")
    lab.restore(space, "iptables-nft-restore", TEXT)
    tools = Tools(tmp_path / "tools", {"iptables-nft-save": Fault(1, "prints half")})
    half = tried(tools, lab, space, "iptables-nft-save")
    whole = tried(tools, lab, space, "iptables-nft-save")
    assert (half.returncode, whole.returncode) == (0, 0)
    assert len(half.stdout) == len(whole.stdout) // 2
    assert RULE in whole.stdout
    assert "COMMIT" not in half.stdout
    assert not tools.writes


def test_a_full_disk_takes_no_byte_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "kept").write_text("as before", encoding="utf-8")
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
    script = 'cat "$0/kept"; cp "$0/kept" "$0/new" || exit 7'
    with full_disk(folder) as on_it:
        done = subprocess.run((*on_it, "sh", "-c", script, str(folder)), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (7, "as before"), done.stderr
    assert "No space left" in done.stderr
    assert [one.name for one in folder.iterdir()] == ["kept"]
    assert [one.name for one in tmp_path.iterdir()] == ["state"]
    assert Path("/proc/self/mounts").read_text(encoding="utf-8") == mounts


def test_every_change_of_nf_tables_is_told_and_looking_is_not(lab: Lab) -> None:
    space = lab.space("one")
    lab.restore(space, "iptables-nft-restore", TEXT)
    with events(lab, space) as quiet:
        lab.saved(space, "iptables-nft-save")
        lab.restore(space, "iptables-nft-restore", TEXT, "--test")
    assert quiet == []
    with events(lab, space) as told:
        lab.restore(space, "iptables-nft-restore", TEXT, "--noflush")
    assert [line for line in told if line.startswith("add rule ip filter INPUT")], told
    with events(lab, space) as told:
        lab.restore(space, "iptables-nft-restore", TEXT)
    assert told, "a flush and the same rules again are changes"
