"""A build is loaded whole, or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netpolicy.cli import main
from netpolicy.node.bundle import FILES, Build, bundle_of, class_digest
from netpolicy.node.host import Answer, Host
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.policy.seal import KEY, OPEN, sealed
from netpolicy.source import Source
from netpolicy.targets.iptables.read import read
from tests.bundles import CLUSTER, POLICY, bundle

NODE = "db"
LOADED = ("manifest.json", *(f"nodes/{NODE}/{file}" for file in (*FILES, "node.json")))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build folder that nobody changes."""
    home = tmp_path_factory.mktemp("compiled")
    (home / "cluster.yaml").write_text(CLUSTER, encoding="utf-8")
    (home / "policy.netpol").write_text(POLICY, encoding="utf-8")
    assert main(["compile", str(home / "cluster.yaml"), "-o", str(home / "build"), "--serial", "7", "--quiet"]) == 0
    return home / "build"


@pytest.fixture
def folder(compiled: Path, tmp_path: Path) -> Path:
    """A copy of the build folder, to be spoiled."""
    return Path(shutil.copytree(compiled, tmp_path / "build"))


def refusal(folder: Path, node: str = NODE) -> StoppedError:
    with pytest.raises(StoppedError) as caught:
        Build(folder).bundle(node)
    assert caught.value.found
    assert all(one.hint for one in caught.value.found)
    return caught.value


def resealed(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """The manifest says something else, and is whole."""
    path = folder / "manifest.json"
    tree = json.loads(path.read_bytes())
    change(tree)
    path.write_text(sealed(json.dumps(tree | {KEY: OPEN}, indent=1) + "\n"), encoding="utf-8")


def test_what_was_compiled_is_what_is_loaded(compiled: Path) -> None:
    build = Build(compiled)
    one = build.bundle(NODE)
    assert build.names == ("db", "web1", "web2")
    assert tuple(build.present) == build.names
    assert (one.identity.node, one.identity.serial) == (NODE, 7)
    assert class_digest(one.files) == one.identity.digest
    assert one.files == bundle(POLICY).files
    assert one.ruleset == read({name: Source(name, one.files[name]) for name in FILES})[0]
    flows = {each.flow: each.place for each in one.statements.values()}
    assert "admins -> web : tcp 22" in flows
    assert flows["admins -> web : tcp 22"].endswith("policy.netpol:6")


def test_a_node_may_have_got_its_own_folder_alone(folder: Path) -> None:
    for other in ("web1", "web2"):
        shutil.rmtree(folder / "nodes" / other)
    shutil.rmtree(folder / "classes")
    build = Build(folder)
    assert tuple(build.present) == (NODE,)
    assert build.bundle(NODE).identity.node == NODE


@pytest.mark.parametrize("file", LOADED)
def test_a_build_with_one_flipped_byte_is_refused(folder: Path, file: str) -> None:
    """Bytes from one end of each file to the other, and every byte of it at the ends."""
    path = folder / file
    whole = path.read_bytes()
    for at in {*range(0, len(whole), max(1, len(whole) // 150)), *range(20), *range(len(whole) - 20, len(whole))}:
        for bit in (0x01, 0x20, 0x80):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            failure = refusal(folder)
            assert [one.code for one in failure.found] == ["NP755"], (at, bit)
            assert failure.ending is Ending.REFUSED
    path.write_bytes(whole)
    assert Build(folder).bundle(NODE).identity.node == NODE


@pytest.mark.parametrize("file", LOADED)
def test_a_build_that_was_cut_short_is_refused(folder: Path, file: str) -> None:
    path = folder / file
    whole = path.read_bytes()
    for at in {*range(0, len(whole), max(1, len(whole) // 200)), len(whole) - 1}:
        path.write_bytes(whole[:at])
        assert [one.code for one in refusal(folder).found] == ["NP755"], at
    path.write_bytes(whole + b"\n")
    assert [one.code for one in refusal(folder).found] == ["NP755"]


@pytest.mark.parametrize("file", LOADED)
def test_a_file_that_is_not_there_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    failure = refusal(folder)
    assert ([one.code for one in failure.found], failure.ending) == (["NP755"], Ending.UNUSABLE)
    assert f"`{file}`" in failure.found[0].message


def test_the_folder_of_another_node_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "nodes" / NODE)
    shutil.copytree(folder / "nodes" / "web1", folder / "nodes" / NODE)
    assert [one.code for one in refusal(folder).found] == ["NP755"]


def test_an_identity_of_another_node_is_refused_though_the_manifest_names_it(folder: Path) -> None:
    shutil.copy(folder / "nodes" / "web1" / "node.json", folder / "nodes" / NODE)
    resealed(folder, lambda tree: tree["identities"].update({NODE: tree["identities"]["web1"]}))
    failure = refusal(folder)
    assert [one.code for one in failure.found] == ["NP755"]
    assert "of another node" in failure.found[0].message


def test_the_folder_of_another_build_is_refused(folder: Path, compiled: Path) -> None:
    """The same node, of another serial."""
    source = compiled.parent / "cluster.yaml"
    assert main(["compile", str(source), "-o", str(folder.parent / "other"), "--serial", "8", "--quiet"]) == 0
    shutil.copy(folder.parent / "other" / "nodes" / NODE / "node.json", folder / "nodes" / NODE)
    assert [one.code for one in refusal(folder).found] == ["NP755"]


def test_a_name_that_is_almost_right_is_suggested(compiled: Path) -> None:
    failure = refusal(compiled, "wed1")
    assert [one.code for one in failure.found] == ["NP756"]
    assert "web1" in failure.found[0].hint
    assert "such as `db`" in refusal(compiled, "something-else").found[0].hint


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.update(format_version=2),
        lambda tree: tree.update(tool={"name": "other"}),
        lambda tree: tree.update(tool=[]),
        lambda tree: tree.update(nodes={}, identities={}),
        lambda tree: tree.update(nodes=[]),
        lambda tree: tree["identities"].pop(NODE),
        lambda tree: tree.update(serial="x"),
        lambda tree: tree.update(serial=-1),
        lambda tree: tree.update(statements=[{"id": "x"}]),
        lambda tree: tree.update(statements=3),
        lambda tree: tree.update(classes={}),
        lambda tree: tree.update(classes=3),
        lambda tree: tree["nodes"].update({NODE: tree["nodes"]["web1"]}),
        lambda tree: tree["nodes"].update({NODE: 3}),
        lambda tree: tree["identities"].update({NODE: None}),
        lambda tree: [one["files"].pop("rules.v6") for one in tree["classes"].values()],
        lambda tree: [one.update(files=3) for one in tree["classes"].values()],
        lambda tree: [one["files"].update({"a\0b": ""}) for one in tree["classes"].values()],
        lambda tree: [one["files"].update({"\ud800": ""}) for one in tree["classes"].values()],
        lambda tree: tree["statements"][0].update(id={}),
    ],
)
def test_a_manifest_that_is_whole_and_wrong_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    resealed(folder, change)
    assert [one.code for one in refusal(folder).found] == ["NP755"]


def test_what_is_sealed_again_without_a_change_is_taken(folder: Path) -> None:
    """What is refused above is refused for what it says."""
    resealed(folder, lambda tree: tree)
    assert Build(folder).bundle(NODE).identity.node == NODE


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "\ud800"])
def test_a_name_that_no_folder_can_have_is_of_no_folder(folder: Path, name: str) -> None:
    def more(tree: dict[str, Any]) -> None:
        for key in ("nodes", "identities"):
            tree[key][name] = ""

    resealed(folder, more)
    assert tuple(Build(folder).present) == ("db", "web1", "web2")


def test_a_file_that_is_no_text_is_refused_though_the_manifest_names_it(folder: Path) -> None:
    path = folder / "nodes" / NODE / "rules.v4"
    path.write_bytes(path.read_bytes() + b"\xff")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    resealed(folder, lambda tree: tree["classes"][tree["nodes"][NODE]]["files"].update({"rules.v4": digest}))
    failure = refusal(folder)
    assert [one.code for one in failure.found] == ["NP755"]
    assert "is no text" in failure.found[0].message


def test_files_that_the_manifest_names_and_that_are_no_class_are_refused(folder: Path) -> None:
    """Whoever edits a rule, and the digest of its file, has not the class that the node names."""
    path = folder / "nodes" / NODE / "rules.v4"
    path.write_text(path.read_text(encoding="utf-8").replace("3306", "3307"), encoding="utf-8")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    resealed(folder, lambda tree: tree["classes"][tree["nodes"][NODE]]["files"].update({"rules.v4": digest}))
    failure = refusal(folder)
    assert [one.code for one in failure.found] == ["NP755"]
    assert "class" in failure.found[0].message


def test_rules_that_cannot_be_read_as_ours_are_refused() -> None:
    one = bundle(POLICY)
    with pytest.raises(StoppedError) as caught:
        bundle_of(
            one.identity, {**one.files, "rules.v4": "*filter\n:INPUT ACCEPT\n-A INPUT -j LOG --odd\nCOMMIT\n"}, {}
        )
    assert caught.value.ending is Ending.REFUSED
    assert caught.value.found


class Signing(Host):
    """A host on which every signature is this one's word."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[tuple[tuple[str, ...], str]] = []

    def run(self, *command: str, text: str = "", within: float = 60.0) -> Answer:
        self.asked.append((command, text))
        return self.answer


def test_a_build_that_is_not_signed_is_refused(folder: Path) -> None:
    host = Signing(Answer(0, "", ""))
    with pytest.raises(StoppedError) as caught:
        Build(folder).verify(host, Path("signers"), "ops")
    assert [one.code for one in caught.value.found] == ["NP758"]
    assert host.asked == []


def test_a_signature_is_asked_for_the_bytes_that_were_read(folder: Path) -> None:
    """Not for those that stand in the folder a moment later."""
    (folder / "manifest.json.sig").write_text("signature", encoding="ascii")
    signers = folder / "signers"
    build = Build(folder)
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    (folder / "manifest.json").write_text("{}", encoding="ascii")
    host = Signing(Answer(0, "", ""))
    with pytest.raises(StoppedError) as without:
        build.verify(host, signers, "ops")
    assert (without.value.ending, host.asked) == (Ending.UNUSABLE, [])
    signers.write_text("ops ssh-ed25519 AAAA", encoding="ascii")
    build.verify(host, signers, "ops")
    ((command, given),) = host.asked
    assert given == text
    assert command[:3] == ("ssh-keygen", "-Y", "verify")
    assert command[command.index("-I") + 1] == "ops"
    assert command[command.index("-n") + 1] == "netpolicy"
    assert command[command.index("-f") + 1] == str(signers)
    with pytest.raises(StoppedError) as caught:
        build.verify(Signing(Answer(255, "Could not verify signature.\n", "")), signers, "ops")
    assert [one.code for one in caught.value.found] == ["NP758"]
    assert "Could not verify signature." in caught.value.found[0].message
    assert caught.value.ending is Ending.REFUSED
