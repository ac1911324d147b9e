"""What python-iptables writes: only ours, all or nothing, under the lock of the tools, and read back."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from netpolicy.node.legacy import BackendUnavailableError, WriteRefusedError, read_legacy, write_legacy
from netpolicy.packet.addresses import Family
from tests.kernel.lab import Lab, Namespace, inside

OTHERS = """
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:f2b-sshd - [0:0]
-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
-A INPUT -p udp -m length --length 40:90 -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A DOCKER -d 10.0.0.0/255.0.255.0 -m mark --mark 0x1/0x1 -j ACCEPT
-A f2b-sshd -s 192.0.2.7/32 -j REJECT --reject-with icmp-port-unreachable
-A f2b-sshd -j RETURN
COMMIT
""".lstrip()
OURS = """
*filter
:NETPOLICY-IN - [0:0]
:NP-IN-0a1b2c3d - [0:0]
-A NETPOLICY-IN -j NP-IN-0a1b2c3d
-A NP-IN-0a1b2c3d -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment np:baseline -j RETURN
-A NP-IN-0a1b2c3d -i eth0 -p tcp -m tcp --dport 443 -m comment --comment np:web -j RETURN
-A NP-IN-0a1b2c3d -j DROP
-I INPUT 2 -j NETPOLICY-IN
COMMIT
""".lstrip()
NEXT = """
*filter
:NETPOLICY-IN - [0:0]
:NP-IN-11111111 - [0:0]
-A NETPOLICY-IN -j NP-IN-11111111
-A NP-IN-11111111 -j DROP
:NP-IN-0a1b2c3d - [0:0]
-X NP-IN-0a1b2c3d
-D INPUT -j NETPOLICY-IN
-I INPUT 1 -j NETPOLICY-IN
COMMIT
""".lstrip()


@pytest.fixture
def space(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Namespace:
    """A namespace in which others have rules; what runs here takes the lab's lock."""
    monkeypatch.setenv("XTABLES_LOCKFILE", lab.lock)
    space = lab.space("one")
    lab.restore(space, "iptables-legacy-restore", OTHERS, "-w")
    return space


def write(space: Namespace, text: str, wait: float = 5.0) -> None:
    with inside(space):
        write_legacy(Family.V4, text, wait)


def saved(lab: Lab, space: Namespace) -> list[str]:
    return [line for line in lab.saved(space, "iptables-legacy-save").splitlines() if line[0] != "#"]


@pytest.mark.parametrize("texts", [(OURS,), (OURS, OURS), (OURS, NEXT)])
def test_it_writes_what_the_tools_write(lab: Lab, space: Namespace, texts: tuple[str, ...]) -> None:
    for text in texts:
        write(space, text)
    other = lab.space("other")
    lab.restore(other, "iptables-legacy-restore", OTHERS, "-w")
    for text in texts:
        lab.restore(other, "iptables-legacy-restore", text, "-w", "--noflush")
    assert saved(lab, space) == saved(lab, other)


def test_rules_of_others_stay_as_they_are(lab: Lab, space: Namespace) -> None:
    before = saved(lab, space)
    write(space, OURS)
    with_ours = saved(lab, space)
    assert [line for line in with_ours if "NETPOLICY" not in line and "NP-" not in line] == before
    assert with_ours != before


def test_no_other_table_is_created(space: Namespace) -> None:
    write(space, OURS)
    assert space.run("cat", "/proc/net/ip_tables_names").stdout.split() == ["filter"]
    assert space.run("cat", "/proc/net/ip6_tables_names").stdout.split() == []


REFUSED = {
    "a foreign chain": (":DOCKER - [0:0]", "not ours"),
    "a foreign rule": ("-A DOCKER -j DROP", "not ours"),
    "a built-in chain": ("-A INPUT -p tcp -j DROP", "not ours"),
    "a policy": (":INPUT ACCEPT [0:0]", "not ours"),
    "a chain that is not there": ("-A NETPOLICY-IN -j NP-NONE", "no chain `NP-NONE`"),
    "a set that is not there": ("-A NETPOLICY-IN -m set --match-set np4-none src -j RETURN", "is the set there?"),
    "a rule that is not there": ("-D INPUT -j NETPOLICY-IN", "no such rule"),
    "a place that is not there": ("-I INPUT 9 -j NETPOLICY-IN", "the chain has 2 rules"),
    "a chain in use": ("-X NP-IN-0a1b2c3d", "Too many links"),
    "a loop": ("-A NETPOLICY-IN -p tcp -j NETPOLICY-IN", "the kernel refuses the table"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_text_changes_nothing(lab: Lab, space: Namespace, case: str) -> None:
    line, said = REFUSED[case]
    before = saved(lab, space)
    text = OURS.replace("-I INPUT 2 -j NETPOLICY-IN\n", f"{line}\n-I INPUT 2 -j NETPOLICY-IN\n")
    with pytest.raises(WriteRefusedError) as refused:
        write(space, text)
    assert said in refused.value.reason
    assert "b'" not in refused.value.reason
    assert saved(lab, space) == before


def test_it_waits_for_the_lock_and_no_longer(lab: Lab, space: Namespace) -> None:
    before = saved(lab, space)
    with Path(lab.lock).open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackendUnavailableError) as refused:
            write(space, OURS, wait=0.2)
        assert "has held the lock" in refused.value.reason
        assert saved(lab, space) == before
    write(space, OURS)


HOLD = "import sys; from netpolicy.node.legacy.lock import held\nwith held(1):\n    print(flush=True); sys.stdin.read()"


def test_the_tools_wait_for_its_lock(lab: Lab, space: Namespace) -> None:
    command = (sys.executable, "-c", HOLD)
    text = "*filter\n:NP-X - [0:0]\nCOMMIT\n"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        told = space.run("iptables-legacy-restore", "-w", "1", "--noflush", text=text, lock=lab.lock)
        assert told.returncode and "xtables lock" in told.stderr
        holder.communicate(b"")
    lab.restore(space, "iptables-legacy-restore", text, "-w", "1", "--noflush")


def test_a_writer_beside_it_loses_nothing(lab: Lab, space: Namespace) -> None:
    script = "for n in $(seq 1 150); do iptables-legacy -w -A DOCKER -s 10.9.0.$n -j RETURN; done"
    environment = {**os.environ, "XTABLES_LOCKFILE": lab.lock}
    with inside(space):
        other = subprocess.Popen(("sh", "-c", script), env=environment)
    with other:
        for text in (OURS, NEXT, OURS):
            write(space, text)
    assert other.returncode == 0
    lines = saved(lab, space)
    assert sum(line.startswith("-A DOCKER -s 10.9.0.") for line in lines) == 150
    assert any(line.startswith("-A NP-IN-0a1b2c3d") for line in lines)


def test_counters_of_rules_that_stay_are_kept(lab: Lab, space: Namespace) -> None:
    with_counters = OTHERS.replace("-A f2b-sshd -j RETURN", "[5:300] -A f2b-sshd -j RETURN")
    lab.restore(space, "iptables-legacy-restore", with_counters, "-w", "-c")
    write(space, OURS)
    assert "[5:300] -A f2b-sshd -j RETURN" in space.run("iptables-legacy-save", "-c").stdout
    with inside(space):
        assert read_legacy((Family.V4,))[Family.V4].chain("NP-IN-0a1b2c3d") is not None
