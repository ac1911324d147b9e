"""The files of a build: classes, nodes, manifest. See DESIGN.md for what each holds."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netpolicy import __version__
from netpolicy.cli.folder import MANIFEST, TOOL
from netpolicy.diagnostic import Diagnostic, did_you_mean, has_errors
from netpolicy.packet.addresses import address_text
from netpolicy.pipeline import Built, CloudFile, Pipeline, clouds
from netpolicy.policy.cluster import Node
from netpolicy.policy.model import Policy, Statement
from netpolicy.targets import Cloud

FORMAT_VERSION = 1
BASELINE = (
    "loopback",
    "established and related traffic",
    "IPv6 neighbour discovery, router advertisements and multicast listener discovery (icmpv6 130-136, 143)",
    "icmpv4 3/4 and icmpv6 2 (path MTU discovery)",
    "DHCP on nodes whose addresses are leased or persistent",
)


@dataclass(frozen=True, slots=True)
class Written:
    """What a build holds."""

    nodes: int
    classes: int
    rules: int
    generation: str
    groups: int


class NotLoweredError(Exception):
    """A target cannot say what the policy says; `found` tells why."""

    def __init__(self, found: list[Diagnostic]) -> None:
        super().__init__(f"{len(found)} findings")
        self.found = found


def write_build(pipeline: Pipeline, folder: Path, options: argparse.Namespace) -> Written:
    """Writes all files of the build into an empty folder, a class at a time: memory holds the rules of one class."""
    policy = pipeline.policy
    assert policy is not None
    build = _Build(pipeline, policy, folder, options)
    clouds, found = pipeline.cloud_files(chosen_clouds(options.cloud))
    if has_errors(found):
        raise NotLoweredError(found)
    build.add_clouds(clouds)
    with _progress(len(policy.cluster.nodes), options) as progress:
        for built, found in pipeline.built():
            if has_errors(found):
                raise NotLoweredError(found)
            build.add(built)
            progress(len(built.node_class.members))
    return build.end()


def chosen_clouds(names: Sequence[str]) -> tuple[Cloud, ...]:
    """The clouds of these names, all without a name, none for `none` alone; other names are an UnknownCloudError."""
    every = clouds()
    known = [cloud.name for cloud in every]
    for name in names:
        if name not in (*known, "none"):
            hint = did_you_mean(name, known) or f"one of {', '.join(known)}, or none"
            raise UnknownCloudError(f"no cloud `{name}`", hint)
    if "none" in names and set(names) != {"none"}:
        raise UnknownCloudError("`--cloud none` stands beside the name of a cloud", "leave one of them out")
    return tuple(cloud for cloud in every if not names or cloud.name in names)


class UnknownCloudError(Exception):
    """No target writes security groups for clouds of these names; the text tells why."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


@contextmanager
def _progress(total: int, options: argparse.Namespace) -> Iterator[Any]:
    """A bar on a terminal when the work is long; nothing elsewhere."""
    if options.quiet or total < 200 or not sys.stderr.isatty():
        yield lambda _: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="node", leave=False, file=sys.stderr) as bar:
        yield bar.update


class _Build:
    """A build on its way into a folder; it remembers digests, not rules."""

    def __init__(self, pipeline: Pipeline, policy: Policy, folder: Path, options: argparse.Namespace) -> None:
        self.pipeline = pipeline
        self.policy = policy
        self.folder = folder
        self.options = options
        self.nodes = {node.name: node for node in policy.cluster.nodes}
        self.class_of: dict[str, str] = {}
        self.classes: dict[str, dict[str, Any]] = {}
        self.clouds: dict[str, dict[str, Any]] = {}
        self.most = 0
        (folder / "classes").mkdir()
        (folder / "nodes").mkdir()

    def add_clouds(self, files: Sequence[CloudFile]) -> None:
        """Writes the security groups of the whole cluster."""
        for one in files:
            home = self.folder / "cloud"
            home.mkdir(exist_ok=True)
            (home / one.file).write_text(one.text, encoding="utf-8")
            digest = hashlib.sha256(one.text.encode()).hexdigest()
            self.clouds[one.name] = {"file": f"cloud/{one.file}", "sha256": digest}

    def add(self, built: Built) -> None:
        """Writes a class, unless its files are there, and its nodes."""
        digest = built.digest
        home = self.folder / "classes" / digest
        entry = _class_entry(built)
        if digest not in self.classes:
            _write_class(home, built)
            self.classes[digest] = entry
        else:
            self.classes[digest] = _merged(self.classes[digest], entry)
        self.most = max(self.most, *(_rules(text) for name, text in built.files.items() if name.startswith("rules")))
        for name in built.node_class.members:
            self.class_of[name] = digest
            self._write_node(self.nodes[name], digest)
            for file in built.files:
                os.link(home / file, self.folder / "nodes" / name / file)

    def end(self) -> Written:
        """Writes the manifest, the last file of all."""
        generation = _generation(self.class_of)
        _write_json(self.folder / MANIFEST, self._manifest(generation))
        form = self.pipeline.form[0] if self.clouds else None
        return Written(len(self.class_of), len(self.classes), self.most, generation, len(form.groups) if form else 0)

    def _write_node(self, node: Node, digest: str) -> None:
        home = self.folder / "nodes" / node.name
        home.mkdir()
        cluster = self.policy.cluster
        identity = {
            "format_version": FORMAT_VERSION,
            "cluster": cluster.name,
            "node": node.name,
            "roles": sorted(role.text for role in node.roles),
            "labels": sorted(label.text for label in node.labels),
            "interfaces": {one.name: [address_text(*address) for address in one.addresses] for one in node.interfaces},
            "addresses_are": node.addresses_are.value,
            "mbus": address_text(*cluster.mbus) if cluster.mbus else None,
            "class": digest,
            "serial": self.options.serial,
        }
        _write_json(home / "node.json", identity)

    def _manifest(self, generation: str) -> dict[str, Any]:
        policy, pipeline = self.policy, self.pipeline
        inputs = sorted((one.name, one.digest) for one in pipeline.sources)
        return {
            "format_version": FORMAT_VERSION,
            "tool": {"name": TOOL, "version": __version__},
            "cluster": policy.cluster.name,
            "policy": {"name": policy.name, "description": policy.description},
            "inputs": [{"path": path, "sha256": digest} for path, digest in inputs],
            "as_of": pipeline.day.isoformat(),
            "omit_expired": pipeline.omit_expired,
            "serial": self.options.serial,
            "sets": self.options.sets,
            "generation": generation,
            "egress": policy.egress.value,
            "refuse": policy.refuse.value,
            "baseline": BASELINE,
            "params": dict(policy.params),
            "statements": [_statement(one) for one in policy.statements],
            "classes": self.classes,
            "cloud": self.clouds,
            "nodes": self.class_of,
        }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _rules(text: str) -> int:
    return text.count("\n-A ")


def _write_class(home: Path, built: Built) -> None:
    home.mkdir()
    for name, text in built.files.items():
        (home / name).write_text(text, encoding="utf-8")


def _class_entry(built: Built) -> dict[str, Any]:
    one = built.node_class
    return {
        "roles": one.roles,
        "labels": one.labels,
        "interfaces": one.interfaces,
        "nodes": len(one.members),
        "files": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in built.files.items()},
    }


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The entry of nodes that differ and still load the same: everything that any of them has."""
    together = {key: sorted({*one[key], *other[key]}) for key in ("roles", "labels", "interfaces")}
    return one | together | {"nodes": one["nodes"] + other["nodes"]}


def _generation(class_of: dict[str, str]) -> str:
    """A digest of every node's class: it says whether two builds load the same everywhere."""
    listed = "".join(f"{name} {digest}\n" for name, digest in sorted(class_of.items()))
    return hashlib.sha256(listed.encode()).hexdigest()


def _statement(one: Statement) -> dict[str, Any]:
    notes = one.attributes
    entry: dict[str, Any] = {
        "id": one.id,
        "verb": one.verb.value,
        "who": one.who.text,
        "whom": one.whom.text,
        "what": one.what,
    }
    if one.span is not None:
        entry |= {"file": one.span.source.name, "line": one.span.line, "column": one.span.column}
    texts = {"because": notes.because, "owner": notes.owner, "ticket": notes.ticket, "log": notes.log}
    dates = {"expires": notes.expires, "review": notes.review}
    entry |= {key: value for key, value in texts.items() if value}
    entry |= {key: value.isoformat() for key, value in dates.items() if value is not None}
    entry |= {key: list(value) for key, value in (("sources", notes.sources), ("tags", notes.tags)) if value}
    return entry
