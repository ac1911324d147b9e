"""The verbs of `apply-rules` in a namespace, and what it refuses with the kernel untouched."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.applying import NODE, addressed, applied, apply_rules, asked_of, state_of
from tests.kernel.build import Build
from tests.kernel.lab import BACKENDS, TABLE_OF, Lab, Namespace
from tests.kernel.verdict import NEW_CLUSTER, OLD_CLUSTER

FAMILIES = tuple(TABLE_OF.values())


@pytest.fixture
def old(build: Callable[..., Build]) -> Build:
    return build(OLD_CLUSTER)


@pytest.fixture
def new(build: Callable[..., Build]) -> Build:
    return build(NEW_CLUSTER)


@pytest.fixture
def node(lab: Lab) -> Namespace:
    """The node by its addresses; it has no rule."""
    space = lab.space(NODE)
    addressed(space)
    return space


def untouched(lab: Lab, space: Namespace) -> bool:
    """True when nothing holds anything; no legacy table is opened by looking."""
    listed = [
        space.run("cat", f"/proc/thread-self/net/{name}").stdout for name in ("ip_tables_names", "ip6_tables_names")
    ]
    ruleset, sets = space.run("nft", "list", "ruleset", lock=lab.lock), space.run("ipset", "list", "-n")
    return not any((*listed, ruleset.stdout, sets.stdout))


def said(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def backend_of(name: str) -> tuple[str, str]:
    return "--backend", f"iptables-{name}"


@pytest.mark.parametrize("backend", BACKENDS)
def test_preview_apply_status_and_preview_again(
    lab: Lab, node: Namespace, old: Build, new: Build, backend: str
) -> None:
    """Each tells what the others did; only `apply` changes anything."""
    where = ("--build", str(old.folder), *backend_of(backend))
    before = asked_of(lab, node, "preview", *where)
    assert before.returncode == 1
    assert "admits" in before.stdout
    assert "no packet meets rules of ours yet" in before.stdout
    assert untouched(lab, node)
    nothing = asked_of(lab, node, "status")
    assert (nothing.returncode, nothing.stdout) == (1, "nothing was applied here\n")
    done = asked_of(lab, node, "apply", *where)
    assert (done.returncode, done.stderr) == (0, "")
    assert "in force" in done.stdout
    assert ("python-iptables" in done.stdout) == (backend == "legacy")
    again = asked_of(lab, node, "apply", *where)
    assert (again.returncode, "nothing was changed" in again.stdout) == (0, True)
    assert asked_of(lab, node, "preview", *where).returncode == 0
    status = asked_of(lab, node, "status", "--format", "json")
    assert status.returncode == 0
    told = said(status)
    assert told["in_force"] is True
    assert told["applied"]["backend"] == f"iptables-{backend}"
    assert told["last_apply"]["result"] == "applied"
    assert told["findings"] == []
    assert told["packets_seen"]["by"] == ("python-iptables" if backend == "legacy" else "iptables-nft-save")
    other = asked_of(lab, node, "preview", "--build", str(new.folder), "--format", "json")
    change = said(other)["change"]
    assert other.returncode == 1
    assert (len(change["comes"]), len(change["goes"])) == (1, 1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_rule_that_somebody_deletes_shows_in_status_and_an_apply_puts_it_back(
    lab: Lab, node: Namespace, old: Build, backend: str
) -> None:
    applied(lab, node, old, NODE, backend)
    node.run(f"iptables-{backend}", "-D", "INPUT", "1", lock=lab.lock)
    status = asked_of(lab, node, "status")
    assert status.returncode == 1
    assert "NO: 1 difference;" in status.stdout
    applied(lab, node, old, NODE, backend)
    assert asked_of(lab, node, "status").returncode == 0


def test_a_cluster_is_compiled_where_it_is_applied(lab: Lab, node: Namespace, old: Build) -> None:
    """The rules are those of the build, so that an apply of the build has nothing to change."""
    done = asked_of(lab, node, "apply", "--cluster", str(old.file), *backend_of("nft"))
    assert (done.returncode, done.stderr) == (0, "")
    again = apply_rules(lab, node, old, NODE)
    assert again.returncode == 0
    assert "nothing was changed" in again.stdout


def test_an_error_of_the_policy_is_told_and_changes_nothing(
    lab: Lab, node: Namespace, old: Build, tmp_path: Path
) -> None:
    shutil.copytree(Path(old.file).parent, tmp_path / "policy", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    policy = tmp_path / "policy" / "flip-a.netpol"
    policy.write_text(policy.read_text(encoding="utf-8") + "allow nobody -> core : 1\n", encoding="utf-8")
    done = asked_of(lab, node, "apply", "--cluster", str(tmp_path / "policy" / old.file.name))
    assert done.returncode == 1
    assert "nobody" in done.stderr
    assert untouched(lab, node)


# What is refused, with the kernel untouched.


def test_a_machine_that_is_another_node_is_refused(lab: Lab, old: Build) -> None:
    space = lab.space("stranger")
    space.ip(
        "link add eth0 type veth peer name far",
        "link set eth0 up",
        "link set far up",
        "address add 10.50.0.77/24 dev eth0",
    )
    for words in (("--node", NODE), ()):
        for verb in ("apply", "preview"):
            done = asked_of(lab, space, verb, "--build", str(old.folder), *words)
            assert done.returncode == 1
            assert "NP756" in done.stderr
            assert ("10.50.0.1" if words else "10.50.0.77") in done.stderr
    assert untouched(lab, space)


def test_every_flipped_byte_of_what_is_loaded_is_refused(lab: Lab, node: Namespace, old: Build, tmp_path: Path) -> None:
    home = tmp_path / "build"
    shutil.copytree(old.folder, home, symlinks=True)
    for name in ("manifest.json", f"nodes/{NODE}/node.json", f"nodes/{NODE}/rules.v4", f"nodes/{NODE}/sets.ipset"):
        file = home / name
        whole = file.read_bytes()
        at = len(whole) // 2
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        done = apply_rules(lab, node, replace(old, folder=home), NODE)
        assert done.returncode == 1, name
        assert "NP755" in done.stderr
        file.write_bytes(whole)
    assert untouched(lab, node)


def test_an_older_serial_is_refused_and_the_newer_rules_stay(
    lab: Lab, node: Namespace, build: Callable[..., Build]
) -> None:
    newer, older = build(OLD_CLUSTER, "--serial", "7"), build(NEW_CLUSTER, "--serial", "6")
    applied(lab, node, newer, NODE, "nft")
    before = node.run("iptables-nft-save").stdout
    for verb in ("apply", "preview"):
        done = asked_of(lab, node, verb, "--build", str(older.folder))
        assert done.returncode == 1
        assert "NP757" in done.stderr
    without = asked_of(lab, node, "apply", "--cluster", str(older.file))
    assert (without.returncode, "NP757" in without.stderr) == (1, True)
    assert node.run("iptables-nft-save").stdout.splitlines()[1:-1] == before.splitlines()[1:-1]
    assert asked_of(lab, node, "apply", "--cluster", str(older.file), "--serial", "8").returncode == 0


def test_only_a_build_signed_by_the_named_key_is_applied(lab: Lab, node: Namespace, old: Build, tmp_path: Path) -> None:
    home = tmp_path / "build"
    shutil.copytree(old.folder, home, symlinks=True)
    signed = replace(old, folder=home)
    keys = {name: tmp_path / name for name in ("ops", "other")}
    for key in keys.values():
        subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)), check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"ops {keys['ops'].with_suffix('.pub').read_text(encoding='utf-8')}", encoding="utf-8")
    asking = ("--allowed-signers", str(signers), "--signer", "ops")

    def sign(key: Path) -> None:
        (home / "manifest.json.sig").unlink(missing_ok=True)
        words = ("ssh-keygen", "-q", "-Y", "sign", "-n", "netpolicy", "-f", str(key), str(home / "manifest.json"))
        subprocess.run(words, check=True, capture_output=True)

    unsigned = apply_rules(lab, node, signed, NODE, *asking)
    assert (unsigned.returncode, "is not signed" in unsigned.stderr) == (1, True)
    sign(keys["other"])
    wrong = apply_rules(lab, node, signed, NODE, *asking)
    assert (wrong.returncode, "NP758" in wrong.stderr) == (1, True)
    assert untouched(lab, node)
    sign(keys["ops"])
    assert apply_rules(lab, node, signed, NODE, *asking).returncode == 0


def test_who_is_not_root_is_told_so(lab: Lab, node: Namespace, old: Build, tmp_path: Path) -> None:
    """A user without privileges can read neither the rules nor the journal of root."""
    home = tmp_path / "build"
    shutil.copytree(old.folder, home)
    for folder in (home, *tmp_path.parents[: len(tmp_path.parts) - 3], tmp_path):
        folder.chmod(0o755)
    nobody = ("setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set", "-all")
    for verb in ("apply", "preview"):
        done = asked_of(lab, node, verb, "--build", str(home), "--node", NODE, before=nobody)
        assert done.returncode == 2
        assert "run it as root" in done.stderr
    assert untouched(lab, node)


# python-iptables as the writer.


def test_python_iptables_writes_the_same_rules(lab: Lab, node: Namespace, old: Build, new: Build) -> None:
    """There and back by the two writers: each finds that the other wrote what it would."""
    for build, via in ((old, "iptc"), (old, "restore"), (new, "iptc"), (old, "restore"), (new, "iptc")):
        done = apply_rules(lab, node, build, NODE, *backend_of("legacy"), "--via", via)
        assert (done.returncode, done.stderr) == (0, "")
        checked = apply_rules(lab, node, build, NODE, *backend_of("legacy"))
        assert "nothing was changed" in checked.stdout


def test_python_iptables_never_writes_to_nf_tables(lab: Lab, node: Namespace, old: Build) -> None:
    for verb in ("apply", "preview"):
        done = asked_of(lab, node, verb, "--build", str(old.folder), *backend_of("nft"), "--via", "iptc")
        assert done.returncode == 1
        assert "NP752" in done.stderr
    assert untouched(lab, node)


def test_without_a_python_iptables_that_works_the_rules_are_read_back_once(
    lab: Lab, node: Namespace, old: Build
) -> None:
    """The rules are in force, and a notice says that python-iptables did not read them; as a writer it is refused."""
    spec = importlib.util.find_spec("iptc")
    assert spec is not None
    assert spec.origin is not None
    home = str(Path(spec.origin).parent)
    without = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', home)
    done = apply_rules(lab, node, old, NODE, *backend_of("legacy"), "--via", "iptc", before=without)
    assert done.returncode == 2
    assert "NP753" in done.stderr
    done = apply_rules(lab, node, old, NODE, *backend_of("legacy"), before=without)
    assert (done.returncode, "NP767" in done.stderr, "python-iptables" in done.stdout) == (0, True, False)
    assert asked_of(lab, node, "status").returncode == 0


# Rules of others that do not look as if they admitted.


ODD = {
    "a chain with the name of a target": ("-N HL", "-A HL -j ACCEPT", "-I INPUT -j HL"),
    "a chain with a name of ours": (
        *("-N NP-IN-deadbeef", "-A NP-IN-deadbeef -j ACCEPT"),
        *("-N odd", "-A odd -j NP-IN-deadbeef", "-I INPUT -j odd"),
    ),
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_whatever_may_admit_comes_behind_our_jump(lab: Lab, node: Namespace, old: Build, backend: str) -> None:
    applied(lab, node, old, NODE, backend)
    scripts = {what: [f"iptables-{backend} {line}" for line in lines] for what, lines in ODD.items()}
    for what, lines in scripts.items():
        for line in lines:
            done = node.run(*line.split(), lock=lab.lock)
            assert done.returncode == 0, done.stderr
        drifted = asked_of(lab, node, "status", "--format", "json")
        assert "NP808" in {one["code"] for one in said(drifted)["findings"]}, what
        applied(lab, node, old, NODE, backend)
        saved = node.run(f"iptables-{backend}-save", lock=lab.lock).stdout
        first = next(line for line in saved.splitlines() if line.startswith("-A INPUT"))
        assert first.endswith("-j NETPOLICY-IN"), what


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('insert rule ip filter INPUT iifname vmap { "eth0" : accept }', "sets or maps of nft"),
        ("insert rule ip6 filter INPUT tcp dport { 1, 2 } accept", "sets or maps of nft"),
        ("add table ip filter { flags dormant; }", "is dormant"),
    ],
)
def test_what_iptables_nft_does_not_print_is_refused_not_passed_over(
    lab: Lab, node: Namespace, old: Build, script: str, words: str
) -> None:
    applied(lab, node, old, NODE, "nft")
    done = node.run("nft", "-f", "-", text=f"{script}\n")
    assert done.returncode == 0, done.stderr
    for verb, status in (("apply", 1), ("preview", 1), ("status", 1)):
        where = ("--build", str(old.folder)) if verb != "status" else ()
        told = asked_of(lab, node, verb, *where)
        assert told.returncode == status
        assert "NP766" in told.stderr
        assert words in told.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_comment_with_a_line_break_is_refused_not_passed_over(
    lab: Lab, node: Namespace, old: Build, backend: str
) -> None:
    applied(lab, node, old, NODE, backend)
    words = ("-m", "comment", "--comment", "a\n# b", "-j", "ACCEPT")
    node.run(f"iptables-{backend}", "-I", "INPUT", *words, lock=lab.lock)
    for verb in ("apply", "preview"):
        done = asked_of(lab, node, verb, "--build", str(old.folder))
        assert done.returncode == 1
        assert "NP766" in done.stderr
    node.run(f"iptables-{backend}", "-D", "INPUT", "1", lock=lab.lock)
    applied(lab, node, old, NODE, backend)


# Others who write at the same time.


@pytest.mark.parametrize("backend", BACKENDS)
def test_rules_that_others_add_while_we_apply_are_all_there_afterwards(
    lab: Lab, node: Namespace, old: Build, new: Build, backend: str
) -> None:
    """A banning program adds a rule a time to a chain of its own, through four applies."""
    table = FAMILIES[0]
    lab.restore(node, f"{table}-{backend}-restore", "*filter\n:f2b-sshd - [0:0]\nCOMMIT\n", "--noflush")
    applied(lab, node, old, NODE, backend)
    ended, banned = threading.Event(), [0]

    def ban() -> None:
        while not ended.is_set():
            number = banned[0]
            rule = ("-s", f"198.51.{number // 250}.{number % 250 + 1}", "-j", "DROP")
            done = node.run(f"{table}-{backend}", "-w", "30", "-A", "f2b-sshd", *rule, lock=lab.lock)
            assert done.returncode == 0, done.stderr
            banned[0] += 1
            ended.wait(0.02)

    thread = threading.Thread(target=ban)
    thread.start()
    try:
        for build in (new, old) * 2:
            applied(lab, node, build, NODE, backend)
    finally:
        ended.set()
        thread.join()
    saved = node.run(f"{table}-{backend}-save", lock=lab.lock).stdout
    assert banned[0] >= 4
    assert sum(line.startswith("-A f2b-sshd") for line in saved.splitlines()) == banned[0]
    assert state_of(lab, node).exists()
    assert asked_of(lab, node, "status").returncode == 0
