"""What a build folder holds, and that it says the truth about itself."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netpolicy import __version__
from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic, error
from netpolicy.packet.addresses import address_text
from netpolicy.pipeline import Built, Pipeline
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.source import Source
from tests.cli.conftest import Run
from tests.cli.running import CLUSTER, POLICY, contents, place

CLUSTERS = folder("rules") / "clusters"
RULES = ("rules.v4", "rules.v6", "sets.ipset")
ADDRESS = re.compile(r"(?<![\w:.])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]*:[0-9a-f:]*:[0-9a-f]*)(?![\w:.])")


def compiled(run: Run, cluster: str, *options: str) -> dict[str, Any]:
    """The manifest of a build in `build`."""
    outcome = run("compile", cluster, "-o", "build", "--as-of", "2026-06-01", *options)
    assert outcome.status == 0, outcome.err
    manifest = json.loads(Path("build/manifest.json").read_text(encoding="utf-8"))
    assert isinstance(manifest, dict)
    return manifest


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_compile_says_what_it_wrote(run: Run) -> None:
    outcome = run("compile", "cluster.yaml", "-o", "build")
    generation = json.loads(Path("build/manifest.json").read_text(encoding="utf-8"))["generation"]
    most = max(text.read_text(encoding="utf-8").count("\n-A ") for text in Path("build").glob("classes/*/rules.*"))
    rules = f"{most} rules at most on a node, 3 security groups"
    said = f"build: 3 nodes in 2 classes, {rules}: all proved, generation {generation[:12]}\n"
    assert (outcome.status, outcome.out, outcome.err) == (0, said, "")


@pytest.mark.parametrize("name", ["three", "five", "twenty"])
def test_nodes_link_to_the_files_of_their_class(name: str, run: Run) -> None:
    manifest = compiled(run, str(CLUSTERS / f"{name}.yaml"))
    cluster, _ = read_cluster(Source(name, (CLUSTERS / f"{name}.yaml").read_text(encoding="utf-8")))
    assert cluster is not None
    names = sorted(node.name for node in cluster.nodes)
    build = Path("build")
    assert sorted(path.name for path in build.iterdir()) == ["classes", "cloud", "manifest.json", "nodes"]
    assert sorted(path.name for path in (build / "nodes").iterdir()) == names == sorted(manifest["nodes"])
    assert {path.name for path in (build / "classes").iterdir()} == set(manifest["nodes"].values())
    assert set(manifest["classes"]) == set(manifest["nodes"].values())
    for node, digest in manifest["nodes"].items():
        assert sorted(path.name for path in (build / "nodes" / node).iterdir()) == sorted([*RULES, "node.json"])
        for file in RULES:
            own, shared = build / "nodes" / node / file, build / "classes" / digest / file
            assert (own.stat().st_ino, own.is_symlink()) == (shared.stat().st_ino, False)
    assert {path.stat().st_mode & 0o777 for path in (build, *build.rglob("*")) if path.is_dir()} == {0o755}


def test_node_json_says_who_the_node_is(run: Run, world: Path) -> None:
    db = "labels: [old]\n    addresses_are: leased\n    interfaces: {eth0: [10.0.0.9], eth1: ['2001:db8::9']}"
    cluster = CLUSTER.replace("address: 10.0.0.9", db).replace("nodes:", "mbus: 10.0.0.1\nnodes:")
    place(world, cluster, POLICY + "label old\n")
    manifest = compiled(run, "cluster.yaml", "--serial", "42")
    assert json.loads(Path("build/nodes/db/node.json").read_text(encoding="utf-8")) == {
        "format_version": 1,
        "cluster": "small",
        "node": "db",
        "roles": ["db"],
        "labels": ["old"],
        "interfaces": {"eth0": ["10.0.0.9"], "eth1": ["2001:db8::9"]},
        "addresses_are": "leased",
        "mbus": "10.0.0.1",
        "hostname": "",
        "core_name": "",
        "api_name": "",
        "class": manifest["nodes"]["db"],
        "serial": 42,
    }


def test_the_manifest_holds_the_digest_of_every_identity(run: Run) -> None:
    manifest = compiled(run, str(CLUSTERS / "five.yaml"))
    assert manifest["identities"] == {
        path.name: sha256(path / "node.json") for path in sorted(Path("build/nodes").iterdir())
    }


@pytest.mark.parametrize("name", ["five", "twenty"])
def test_digests_of_the_manifest_are_those_of_the_files(name: str, run: Run) -> None:
    manifest = compiled(run, str(CLUSTERS / f"{name}.yaml"))
    for digest, entry in manifest["classes"].items():
        home = Path("build/classes") / digest
        assert entry["files"] == {file: sha256(home / file) for file in RULES}
        listed = "".join(f"{file} {sha256(home / file)}\n" for file in sorted(RULES))
        assert digest == hashlib.sha256(listed.encode()).hexdigest()
        assert entry["nodes"] == list(manifest["nodes"].values()).count(digest)
    listed = "".join(f"{node} {digest}\n" for node, digest in sorted(manifest["nodes"].items()))
    assert manifest["generation"] == hashlib.sha256(listed.encode()).hexdigest()


def test_inputs_are_named_with_the_digest_of_their_bytes(run: Run, world: Path) -> None:
    include = 'include "./more.netpol"\n'
    place(world, "\N{ZERO WIDTH NO-BREAK SPACE}" + CLUSTER, (include + POLICY).replace("\n", "\r\n"))
    (world / "more.netpol").write_text('role more "of them"\n', encoding="utf-8")
    manifest = compiled(run, "cluster.yaml")
    names = ["cluster.yaml", "more.netpol", "policy.netpol"]
    assert manifest["inputs"] == [{"path": name, "sha256": sha256(world / name)} for name in names]


def test_the_manifest_says_how_it_came_about(run: Run) -> None:
    manifest = compiled(run, "cluster.yaml", "--serial", "7", "--sets", "inline", "--omit-expired")
    assert manifest["tool"] == {"name": "netpolicy", "version": __version__}
    said = {key: manifest[key] for key in ("as_of", "serial", "sets", "omit_expired", "cluster", "egress", "refuse")}
    assert said == {
        "as_of": "2026-06-01",
        "serial": 7,
        "sets": "inline",
        "omit_expired": True,
        "cluster": "small",
        "egress": "open",
        "refuse": "drop",
    }
    assert manifest["policy"] == {"name": "small", "description": "web servers before a database"}
    plain = compiled(run, "cluster.yaml")
    assert (plain["serial"], plain["sets"], plain["omit_expired"]) == (0, "ipset", False)
    assert len(plain["baseline"]) == 5


def test_statements_lead_from_an_id_to_a_line(run: Run, world: Path) -> None:
    notes = '{\n  owner "us"\n  ticket "NET-1"\n  expires 2027-01-31\n  source "S1", "S2"\n  tag a\n  log 5/second\n}'
    place(world, CLUSTER, POLICY + f'allow db -> web : tcp 80 because "so" {notes}\n')
    statements = compiled(run, "cluster.yaml")["statements"]
    lines = {f"{one['verb']} {one['who']} -> {one['whom']} : {one['what']}": one["line"] for one in statements}
    assert lines == {
        "allow admins -> web : tcp 22": 6,
        "allow web -> db : tcp 3306": 7,
        "expect web -> db : tcp 3306": 8,
        "allow db -> web : tcp 80": 10,
    }
    assert {(one["file"], one["column"]) for one in statements} == {("policy.netpol", 1)}
    assert len({one["id"] for one in statements}) == 4
    (noted,) = (one for one in statements if one["who"] == "db")
    assert {key: noted[key] for key in ("because", "owner", "ticket", "expires", "sources", "tags", "log")} == {
        "because": "so",
        "owner": "us",
        "ticket": "NET-1",
        "expires": "2027-01-31",
        "sources": ["S1", "S2"],
        "tags": ["a"],
        "log": "5/second",
    }


def test_every_id_of_a_rule_is_a_statement_of_the_manifest(run: Run) -> None:
    for name in ("five", "twenty"):
        manifest = compiled(run, str(CLUSTERS / f"{name}.yaml"))
        known = {one["id"] for one in manifest["statements"]}
        text = "".join(path.read_text(encoding="utf-8") for path in Path("build").glob("classes/*/rules.*"))
        used = {one for comment in re.findall(r'np:([^"\s]+)', text) for one in comment.split(",")}
        assert used - {"baseline", "default", "ruleset"} <= known
        assert used & known


@pytest.mark.parametrize("name", ["three", "five", "twenty"])
def test_no_rule_names_an_address_of_a_node(name: str, run: Run) -> None:
    path = CLUSTERS / f"{name}.yaml"
    compiled(run, str(path))
    cluster, _ = read_cluster(Source(name, path.read_text(encoding="utf-8")))
    assert cluster is not None
    own = {address_text(*address) for node in cluster.nodes for address in node.addresses}
    rules = "".join(one.read_text(encoding="utf-8") for one in Path("build").glob("classes/*/rules.*"))
    sets = "".join(one.read_text(encoding="utf-8") for one in Path("build").glob("classes/*/sets.ipset"))
    assert own & set(ADDRESS.findall(rules)) == set()
    assert own <= set(ADDRESS.findall(sets))  # the pattern finds addresses where they are


def test_inline_sets_name_addresses_in_rules_alone(run: Run) -> None:
    compiled(run, "cluster.yaml", "--sets", "inline")
    rules = Path("build/nodes/db/rules.v4").read_text(encoding="utf-8")
    assert {"10.0.0.1", "10.0.0.2", "10.0.0.9"} & set(ADDRESS.findall(rules))
    assert "--match-set" not in rules
    assert "add " not in Path("build/nodes/db/sets.ipset").read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [(), ("--sets", "inline", "--serial", "3")])
def test_the_same_input_gives_the_same_bytes(options: tuple[str, ...], run: Run) -> None:
    cluster = str(CLUSTERS / "twenty.yaml")
    for output in ("one", "other"):
        assert run("compile", cluster, "-o", output, "--as-of", "2026-06-01", *options).status == 0
    assert contents(Path("one")) == contents(Path("other"))


def test_a_serial_is_in_no_file_of_a_class(run: Run) -> None:
    one, other = (compiled(run, "cluster.yaml", "--serial", serial) for serial in ("1", "2"))
    assert one["nodes"] == other["nodes"]
    assert (one["serial"], other["serial"], one["generation"]) == (1, 2, other["generation"])


def test_what_a_target_cannot_say_stops_the_build(run: Run, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Pipeline.built

    def built(self: Pipeline) -> Iterator[tuple[Built, list[Diagnostic]]]:
        for one, _ in whole(self):
            yield one, [error("NP601", "a set of 70,000 members is too large")]

    monkeypatch.setattr(Pipeline, "built", built)
    outcome = run("compile", "cluster.yaml", "-o", "build")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("error[NP601]: a set of 70,000 members is too large\n")
    assert outcome.err.endswith("cluster.yaml: 1 error; nothing was written\n")
    assert sorted(path.name for path in world.iterdir()) == ["cluster.yaml", "policy.netpol"]


def test_roles_that_load_the_same_rules_are_told_whatever_the_order(run: Run, world: Path) -> None:
    policy = "role a, b\nallow all -> all : tcp 22\n"
    nodes = ["  n1: {roles: [a], address: 10.0.0.1}\n", "  n2: {roles: [b], address: 10.0.0.2}\n"]
    entries = []
    for listed in (nodes, nodes[::-1]):
        place(world, "cluster: c\npolicy: ./policy.netpol\nnodes:\n" + "".join(listed), policy)
        entries.append(compiled(run, "cluster.yaml")["classes"])
    assert entries[0] == entries[1]
    (only,) = entries[0].values()
    assert (only["roles"], only["nodes"]) == (["a", "b"], 2)


def test_security_groups_of_every_cloud_lie_in_the_build(run: Run) -> None:
    manifest = compiled(run, str(CLUSTERS / "twenty.yaml"))
    files = {path.name: path for path in Path("build/cloud").iterdir()}
    assert set(files) == {"aws.json", "groups.json", "neutron.json"}
    listed = {one["file"].removeprefix("cloud/"): one["sha256"] for one in manifest["cloud"].values()}
    assert listed == {name: sha256(path) for name, path in files.items()}
    text = "".join(path.read_text(encoding="utf-8") for path in files.values())
    known = {one["id"] for one in manifest["statements"]}
    assert {one for ids in re.findall(r"np:([0-9a-f]{8}(?:,[0-9a-f]{8})*) ", text) for one in ids.split(",")} <= known


@pytest.mark.parametrize(
    ("options", "written"),
    [
        (["--cloud", "none"], []),
        (["--cloud", "aws"], ["aws.json", "groups.json"]),
        (["--cloud", "neutron", "--cloud", "aws"], ["aws.json", "groups.json", "neutron.json"]),
        (["--sets", "inline"], ["aws.json", "groups.json", "neutron.json"]),
    ],
)
def test_clouds_are_chosen_by_name(options: list[str], written: list[str], run: Run) -> None:
    manifest = compiled(run, "cluster.yaml", *options)
    assert sorted(path.name for path in Path("build").glob("cloud/*")) == written
    assert sorted(one["file"].removeprefix("cloud/") for one in manifest["cloud"].values()) == written


@pytest.mark.parametrize(
    ("said", "options", "written"),
    [
        ("[]", [], []),
        ("neutron", [], ["groups.json", "neutron.json"]),
        ("[aws, neutron]", [], ["aws.json", "groups.json", "neutron.json"]),
        ("[]", ["--cloud", "aws"], ["aws.json", "groups.json"]),
        ("[aws]", ["--cloud", "none"], []),
    ],
)
def test_a_cluster_names_its_clouds(said: str, options: list[str], written: list[str], run: Run, world: Path) -> None:
    place(world, f"clouds: {said}\n" + CLUSTER, POLICY)
    compiled(run, "cluster.yaml", *options)
    assert sorted(path.name for path in Path("build").glob("cloud/*")) == written


def test_an_unknown_cloud_of_a_cluster_is_blamed_in_its_file(run: Run, world: Path) -> None:
    place(world, "clouds: [aws, neutrino]\n" + CLUSTER, POLICY)
    for command in (["lint", "cluster.yaml"], ["compile", "cluster.yaml", "-o", "build"]):
        outcome = run(*command)
        assert outcome.status == 1
        assert "error[NP610]: no cloud `neutrino`\n  --> cluster.yaml:1:15" in outcome.err
    assert not Path("build").exists()


def test_an_unknown_cloud_is_a_mistake_in_the_command(run: Run) -> None:
    outcome = run("compile", "cluster.yaml", "-o", "build", "--cloud", "neutrino")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == "error: no cloud `neutrino`\n  = hint: did you mean `neutron`?\n"
    assert not Path("build").exists()


@pytest.mark.parametrize("names", [("aws", "none"), ("none", "aws")])
def test_no_cloud_and_a_cloud_contradict_each_other(names: tuple[str, str], run: Run) -> None:
    options = [word for name in names for word in ("--cloud", name)]
    outcome = run("compile", "cluster.yaml", "-o", "build", *options)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == "error: `--cloud none` stands beside the name of a cloud\n  = hint: leave one of them out\n"
    assert not Path("build").exists()


def test_what_a_cloud_cannot_say_writes_nothing(run: Run, world: Path) -> None:
    place(world, CLUSTER, POLICY + "allow web -> db : tcp 0-22\n")
    outcome = run("compile", "cluster.yaml", "-o", "build", "--cloud", "neutron")
    assert outcome.status == 1
    assert "error[NP608]: Neutron cannot say port 0 of protocol 6" in outcome.err
    assert "policy.netpol:10:1" in outcome.err
    assert not Path("build").exists()
    assert compiled(run, "cluster.yaml", "--cloud", "aws")["cloud"].keys() == {"aws", "groups"}


def test_what_a_cloud_cannot_say_is_left_out_where_nobody_asks_for_it(run: Run, world: Path) -> None:
    place(world, CLUSTER, POLICY + "allow web -> db : tcp 0-22\n")
    outcome = run("compile", "cluster.yaml", "-o", "build")
    assert outcome.status == 0
    assert "warning[NP608]: Neutron cannot say port 0 of protocol 6; its security groups are left out" in outcome.err
    assert sorted(path.name for path in Path("build/cloud").iterdir()) == ["aws.json", "groups.json"]
    place(world, CLUSTER, POLICY + "allow web -> db@224.0.0.251 : udp 5353\n")
    outcome = run("compile", "cluster.yaml", "-o", "build")
    assert outcome.status == 0
    assert outcome.err.count("warning[NP605]") == 1
    assert not Path("build/cloud").exists()
    assert run("compile", "cluster.yaml", "-o", "build", "--cloud", "aws").status == 1
