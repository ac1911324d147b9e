"""The files of a build: classes, nodes, manifest. See DESIGN.md for what each holds."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netpolicy import __version__
from netpolicy.cli.folder import MANIFEST, TOOL
from netpolicy.cli.identity import FORMAT_VERSION, Identities, json_text
from netpolicy.diagnostic import Diagnostic, has_errors
from netpolicy.pipeline import Built, CloudFile, Pipeline
from netpolicy.policy.model import Policy, Statement
from netpolicy.policy.seal import KEY, OPEN, sealed
from netpolicy.proof import Proved

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
    proved: Proved
    found: tuple[Diagnostic, ...]


class NotLoweredError(Exception):
    """A target cannot say what the policy says, or did not say it; `found` tells why."""

    def __init__(self, found: list[Diagnostic]) -> None:
        super().__init__(f"{len(found)} findings")
        self.found = found


def write_build(pipeline: Pipeline, folder: Path, options: argparse.Namespace) -> Written:
    """Writes all files of the build into an empty folder, a class at a time: memory holds the rules of one class.

    Each is proved before it is written: its text, read back, means the policy.
    """
    policy = pipeline.policy
    assert policy is not None
    build = _Build(pipeline, policy, folder, options)
    clouds, found = pipeline.security_groups(options.cloud)
    if has_errors(found):
        raise NotLoweredError(found)
    wrong = pipeline.proved_groups(clouds)[1]
    build.add_clouds(clouds, found)
    proved = Proved()
    with _progress(len(policy.cluster.nodes), options) as progress:
        for built, found in pipeline.built():
            if has_errors(found):
                raise NotLoweredError(found)
            of_class, differing = pipeline.proved(built)
            proved, wrong = proved + of_class, wrong + differing
            if not wrong:
                build.add(built)
            progress(len(built.node_class.members))
    if wrong:
        raise NotLoweredError(wrong)
    return build.end(proved)


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
        self.identities: dict[str, str] = {}
        self.classes: dict[str, dict[str, Any]] = {}
        self.clouds: dict[str, dict[str, Any]] = {}
        self.found: tuple[Diagnostic, ...] = ()
        self.most = 0
        (folder / "classes").mkdir()
        (folder / "nodes").mkdir()

    def add_clouds(self, files: Sequence[CloudFile], found: Sequence[Diagnostic]) -> None:
        """Writes the security groups of the whole cluster; `found` is what some cloud cannot say."""
        self.found = tuple(found)
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
        self._write_nodes(built, digest)

    def end(self, proved: Proved) -> Written:
        """Writes the manifest, the last file of all."""
        generation = _generation(self.class_of)
        (self.folder / MANIFEST).write_text(sealed(json_text(self._manifest(generation))), encoding="utf-8")
        form = self.pipeline.form[0] if self.clouds else None
        groups = len(form.groups) if form else 0
        return Written(len(self.class_of), len(self.classes), self.most, generation, groups, proved, self.found)

    def _write_nodes(self, built: Built, digest: str) -> None:
        """A folder for each node of the class. There may be very many, so paths are plain texts here."""
        members = [self.nodes[name] for name in built.node_class.members]
        identities = Identities(self.policy.cluster, members[0], digest, self.options.serial)
        home, nodes = f"{self.folder}/classes/{digest}", f"{self.folder}/nodes"
        for node in members:
            self.class_of[node.name] = digest
            folder = f"{nodes}/{node.name}"
            os.mkdir(folder)  # noqa: PTH102
            text = identities.text(node).encode()
            self.identities[node.name] = hashlib.sha256(text).hexdigest()
            with open(f"{folder}/node.json", "xb") as file:  # noqa: PTH123
                file.write(text)
            for name in built.files:
                os.link(f"{home}/{name}", f"{folder}/{name}")

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
            "identities": self.identities,
            KEY: OPEN,
        }


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
