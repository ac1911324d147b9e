"""What python-iptables reads: counters, what has no value of ours, and never a table that was not there."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from netpolicy.node.legacy import BackendUnavailableError, Unreadable, read_legacy, second_voice, start_voice
from netpolicy.packet.addresses import Family
from netpolicy.source import Source
from netpolicy.targets.iptables.read import read
from netpolicy.targets.iptables.rules import Ruleset
from tests.kernel.lab import Lab, Namespace, inside

V4 = (Family.V4,)
FRAME = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:NETPOLICY-IN - [0:0]\n"
RULES = (
    "[1:60] -A INPUT -s 192.0.2.1/32 -j DROP\n[7:420] -A INPUT -j NETPOLICY-IN\n"
    "[3:180] -A NETPOLICY-IN -i lo -j RETURN\n[4:240] -A NETPOLICY-IN -m comment --comment np:default -j DROP\nCOMMIT\n"
)
PLAIN = re.sub(r"\[\d+:\d+\] (-A)", r"\1", FRAME + RULES).replace("-A INPUT -s 192.0.2.1/32 -j DROP\n", "")
REMOVES = {
    "libip4tc": "libip4tc.so*",
    "libip6tc": "libip6tc.so*",
    "libxtables": "libxtables.so*",
    "the folder `xtables`": "xtables",
}


def understood(text: str) -> Ruleset:
    ruleset, found = read({name: Source(name, text) for name in ("rules.v4", "rules.v6")})
    assert ruleset is not None, found
    return ruleset


def loaded(lab: Lab, text: str, families: tuple[str, ...] = ("iptables", "ip6tables")) -> Namespace:
    space = lab.space("one")
    for tool in families:
        lab.restore(space, f"{tool}-legacy-restore", text, "-w", "-c")
    return space


def test_counters_and_places_are_those_of_the_tools(lab: Lab) -> None:
    space = loaded(lab, FRAME + RULES, ("iptables",))
    with inside(space):
        table = read_legacy(V4)[Family.V4]
    told = {
        (chain.name, rule.number): f"[{rule.packets}:{rule.bytes}]" for chain in table.chains for rule in chain.rules
    }
    lines = [line for line in space.run("iptables-legacy-save", "-c").stdout.splitlines() if " -A " in line]
    assert told == {
        ("INPUT", 2): lines[1].split()[0],
        ("NETPOLICY-IN", 1): lines[2].split()[0],
        ("NETPOLICY-IN", 2): lines[3].split()[0],
    }
    assert [chain.policy for chain in table.chains] == ["ACCEPT", "ACCEPT", "ACCEPT", ""]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("-s 10.0.0.0/255.0.255.0 -j DROP", "-s 10.0.0.0/255.0.255.0"),
        ("-m length --length 40 -j DROP", "-m length"),
        ("-p tcp -m tcp --tcp-flags SYN SYN -j DROP", "-m tcp"),
        ("-m set ! --match-set two src,dst -j DROP", "-m set"),
        ("-f -j DROP", "-j DROP"),
        ("-j NFLOG --nflog-group 3", "-j NFLOG"),
        ("-j LOG --log-level 7", "-j LOG"),
        ("-m state --state NEW -j DROP", "-j DROP"),
        ("-m comment --comment a -m comment --comment b -j DROP", "-m comment -m comment"),
    ],
)
def test_a_rule_without_a_value_is_told_at_its_place(lab: Lab, rule: str, said: str) -> None:
    space = lab.space("one")
    lab.restore(space, "ipset restore", "create two hash:ip,port\n")
    text = f"{FRAME}-A NETPOLICY-IN -i lo -j RETURN\n-A NETPOLICY-IN {rule}\n-A NETPOLICY-IN -j DROP\nCOMMIT\n"
    lab.restore(space, "iptables-legacy-restore", text, "-w")
    with inside(space):
        chain = read_legacy(V4)[Family.V4].chain("NETPOLICY-IN")
    assert chain is not None
    found = [one.rule for one in chain.rules]
    assert [isinstance(one, Unreadable) for one in found] == [False, True, False]
    assert isinstance(found[1], Unreadable)
    assert said in found[1].text and found[1].text.startswith("-A NETPOLICY-IN") and found[1].reason


def test_reading_creates_no_table(lab: Lab) -> None:
    space = lab.space("one")
    lab.restore(space, "iptables-nft-restore", FRAME + "COMMIT\n")
    with inside(space), pytest.raises(BackendUnavailableError, match="no legacy filter table for IPv4"):
        read_legacy()
    assert not space.run("cat", "/proc/net/ip_tables_names").stdout


def test_a_voice_that_is_started_opens_nothing_before_it_reads(lab: Lab) -> None:
    space = lab.space("one")
    with inside(space), start_voice() as voice:
        time.sleep(0.5)  # its library has loaded
        assert not space.run("cat", "/proc/net/ip_tables_names").stdout
        for tool in ("iptables", "ip6tables"):
            lab.restore(space, f"{tool}-legacy-restore", PLAIN, "-w")
        assert second_voice(understood(PLAIN), voice) == []


def test_the_second_voice_names_each_difference(lab: Lab) -> None:
    space = loaded(lab, PLAIN)
    wanted = understood(PLAIN)
    chains = [
        replace(chain, rules=chain.rules[:-1]) if chain.name == "NETPOLICY-IN" else chain for chain in wanted.v4.chains
    ]
    with inside(space):
        assert second_voice(wanted) == []
        shorter = second_voice(replace(wanted, v4=replace(wanted.v4, chains=tuple(chains))))
        without = second_voice(replace(wanted, v6=replace(wanted.v6, chains=wanted.v6.chains[:3])))
    assert [one.text for one in shorter] == [
        "IPv4 chain `NETPOLICY-IN`, rule 2: no rule is wanted, `-m comment --comment np:default -j DROP` is there"
    ]
    assert [one.text for one in without] == ["IPv6 chain `NETPOLICY-IN` is not wanted"]


@pytest.mark.parametrize("missing", REMOVES)
def test_a_missing_library_is_named(lab: Lab, missing: str) -> None:
    space = loaded(lab, PLAIN)
    script = """
from netpolicy.node.legacy import BackendUnavailableError, read_legacy
try:
    read_legacy()
except BackendUnavailableError as error:
    print(error.reason)
"""
    shell = f"""
set -e
base=$(dirname $(ldconfig -p | sed -n 's/.*libxtables.so.12 .* => //p' | head -1))
base=$(realpath $base)
work=$(mktemp -d); mount -t tmpfs none $work; mkdir $work/up $work/work
mount -t overlay none -o lowerdir=$base,upperdir=$work/up,workdir=$work/work $base
rm -rf $base/{REMOVES[missing]}
ldconfig -C $work/cache; mount --bind $work/cache /etc/ld.so.cache
"$0" -c "$1"
"""
    told = space.run("unshare", "-m", "sh", "-c", shell, sys.executable, script)
    assert missing in told.stdout, told.stderr
    assert "NoneType" not in told.stdout and told.stdout.count("\n") == 1


def test_without_privileges_it_says_so(lab: Lab) -> None:
    space = loaded(lab, PLAIN)
    script = "from netpolicy.node.legacy import read_legacy; read_legacy()"
    told = space.run("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", sys.executable, "-c", script)
    assert "BackendUnavailableError" in told.stderr, told.stderr
    assert "run it as root" in told.stderr.splitlines()[-1]
    assert "b'" not in told.stderr.splitlines()[-1]


def test_a_crash_and_a_silence_are_told(lab: Lab) -> None:
    space = loaded(lab, PLAIN)
    with inside(space), start_voice() as voice:
        os.kill(voice.child.process.pid, signal.SIGABRT)
        with pytest.raises(BackendUnavailableError, match="ended by SIGABRT"):
            voice.read()
    with inside(space), start_voice() as voice:
        os.kill(voice.child.process.pid, signal.SIGSTOP)
        with pytest.raises(BackendUnavailableError, match=r"no answer within 0\.3 s"):
            voice.read(seconds=0.3)
        assert not Path(f"/proc/{voice.child.process.pid}").exists()
