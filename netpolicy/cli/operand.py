"""What `diff` compares: each operand is read, whatever it is, to what the emitted rules of its nodes say."""

from __future__ import annotations

import argparse
import os
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from netpolicy.cli import UNUSABLE, WRONG
from netpolicy.cli.files import read
from netpolicy.diagnostic import Diagnostic, error, has_errors
from netpolicy.node.bundle import FILES, Build
from netpolicy.pipeline import InputError, Pipeline
from netpolicy.policy.load import Place, Reader, Unreadable
from netpolicy.source import Source

if TYPE_CHECKING:
    from datetime import date

    from netpolicy.cli.dumps import Dumps
    from netpolicy.policy.cluster import Cluster
    from netpolicy.policy.contents import Contents
    from netpolicy.policy.identity import Identity
    from netpolicy.verify.emitted import Emitted
    from netpolicy.verify.promises import Breach

GIT = "git:"
POLICY = ".netpol"


class OperandError(Exception):
    """An operand cannot be compared; `found` tells why, and `status` is the exit status."""

    def __init__(self, status: int, *found: Diagnostic) -> None:
        super().__init__(f"{len(found)} findings")
        self.status = status
        self.found = found


@dataclass(frozen=True, slots=True)
class Operand:
    """One side: what was read, and the files that were, with their sha256.

    `contents` are what its policy says, None where nothing tells; `pipeline` compiled it, where it is no build. An
    `absent` side is one that was not there yet, and has no node.
    """

    name: str
    value: Emitted | Dumps
    inputs: list[tuple[str, str]]
    contents: Contents | None = None
    pipeline: Pipeline | None = None
    absent: bool = False

    @property
    def breaches(self) -> list[Breach]:
        """The promises that it breaks: a side with no other error is compared all the same."""
        listed = self.pipeline.breaches if self.pipeline is not None else []
        return [one for one in listed if has_errors([one.finding])]


def operands(old: str, new: str, options: argparse.Namespace) -> tuple[Operand, Operand]:
    """The two sides of these names; an OperandError says which of them cannot be read."""
    before = _operand("OLD", old, new, options)
    return before, _operand("NEW", new, old, options)


def _operand(side: str, name: str, other: str, options: argparse.Namespace) -> Operand:
    try:
        return _read(name, other, options)
    except OperandError as failure:
        about = error("NP906", f"{side} cannot be compared", hint=f"{side} is `{name}`")
        raise OperandError(failure.status, *failure.found, about) from None


def _read(name: str, other: str, options: argparse.Namespace) -> Operand:
    from netpolicy.cli.dumps import dumped

    path, reader = _placed(name, other)
    if (reading := dumped(path, reader)) is not None:
        dumps = reading()
        return Operand(name, dumps, dumps.inputs)
    if reader is read and os.path.isdir(path):  # noqa: PTH112
        return Operand(name, *_built(path))
    return _of_pipeline(name, path, reader, options)


def _placed(name: str, other: str) -> tuple[str, Reader]:
    """The path of the operand's file, and who reads it and what it names."""
    if not name.startswith(GIT):
        return name, read
    from netpolicy.cli.revision import RevisionError, at_revision

    revision, _, path = name.removeprefix(GIT).partition(":")
    if not path:
        path = other.removeprefix(GIT).partition(":")[2] if other.startswith(GIT) else other
    try:
        if not path or (not other.startswith(GIT) and os.path.isdir(path)):  # noqa: PTH112
            raise RevisionError(f"`{name}` does not say which file is meant", f"name it, such as `{name}:cluster.yaml`")
        return path, at_revision(revision, path)
    except RevisionError as failure:
        raise OperandError(UNUSABLE, error("NP905", str(failure), hint=failure.hint)) from None


class WithPolicy(Pipeline):
    """A pipeline of a cluster with another policy, named as the cluster file would; `of_policy` reads it."""

    def __init__(self, reference: str, of_policy: Reader, options: argparse.Namespace) -> None:
        super().__init__(options.cluster, read, _day(options), omit_expired=options.omit_expired)
        self._reference = reference
        self._of_policy = of_policy

    def read(self, place: Place) -> Source | Unreadable:
        if place.path != self.cluster_path:
            self._read = self._of_policy
        return super().read(place)

    @cached_property
    def _cluster(self) -> tuple[Cluster | None, list[Diagnostic]]:
        cluster, found = super()._cluster
        if cluster is None:
            return None, found
        return replace(cluster, policy=self._reference), found


def beside(path: str, cluster: str) -> str:
    """The path of a policy as the cluster file would name it."""
    named = os.path.relpath(path, posixpath.dirname(cluster) or ".")
    return named if named.startswith("../") else f"./{named}"


def _day(options: argparse.Namespace) -> date:
    from netpolicy.cli.options import today

    return options.as_of or today()


def _of_pipeline(name: str, path: str, reader: Reader, options: argparse.Namespace) -> Operand:
    """What a cluster file, or a policy with the cluster of the options, compiles to; promises may be broken."""
    from netpolicy.policy.contents import of_policy
    from netpolicy.readback import of_pipeline

    if path.endswith(POLICY):
        if not options.cluster:
            hint = "name the cluster that it is for with `--cluster CLUSTER.yaml`"
            raise OperandError(UNUSABLE, error("NP905", f"`{path}` is a policy, and says nothing of nodes", hint=hint))
        pipeline: Pipeline = WithPolicy(beside(path, options.cluster), reader, options)
    else:
        pipeline = Pipeline(path, reader, _day(options), omit_expired=options.omit_expired)
    try:
        found = pipeline.faults
    except InputError as failure:
        why = failure.unreadable
        if name == options.against and why.code == "NP901" and reader is not read:
            return _absent(name)
        raise OperandError(UNUSABLE, error(why.code, why.why, hint=why.hint)) from None
    if pipeline.policy is None:
        raise OperandError(WRONG, *_errors(found))
    emitted, limits = of_pipeline(pipeline)
    if emitted is None:
        raise OperandError(WRONG, *_errors(limits))
    inputs = [(one.name, one.digest) for one in pipeline.sources]
    return Operand(name, emitted, inputs, of_policy(pipeline.policy), pipeline)


def _absent(name: str) -> Operand:
    """A side without nodes: a change adds a cluster whose file the revision does not have."""
    from netpolicy.policy.contents import Contents
    from netpolicy.readback import emitted_of

    return Operand(name, emitted_of((), {}, {}, ()), [], Contents((), (), demands=True, settings=()), absent=True)


def _errors(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [one for one in found if has_errors([one])]


def of_build(path: str) -> tuple[Emitted, list[tuple[str, str]]]:
    """What the files of a build folder say, each checked against its manifest."""
    emitted, inputs, _ = _built(path)
    return emitted, inputs


def _built(path: str) -> tuple[Emitted, list[tuple[str, str]], Contents | None]:
    """The same, and what its policy says, where the manifest tells."""
    import hashlib

    from netpolicy.node.stopped import StoppedError
    from netpolicy.policy.citation import of_manifest
    from netpolicy.policy.contents import of_manifest as contents_of
    from netpolicy.readback import emitted_of

    try:
        build = Build(Path(path))
        nodes = tuple(build.identity(name) for name in build.names)
        rulesets = {}
        for node in nodes:
            if node.digest not in rulesets:
                rulesets[node.digest] = build.bundle(node.node).ruleset
            else:
                _same_files(build, node)
    except StoppedError as stopped:
        raise OperandError(WRONG if stopped.ending.value == WRONG else UNUSABLE, *stopped.found) from None
    try:
        citations, contents = of_manifest(build.manifest["statements"]), contents_of(build.manifest)
    except (LookupError, TypeError, ValueError, AttributeError):
        citations, contents = {}, None
    digest = hashlib.sha256(build.manifest_bytes).hexdigest()
    inputs = [(f"{path.rstrip('/')}/manifest.json", digest)]
    return emitted_of(nodes, rulesets, citations, ()), inputs, contents


def _same_files(build: Build, node: Identity) -> None:
    """The node's files are those of its class: the same on the disk, or checked byte by byte."""
    for file in FILES:
        try:
            here = (build.folder / "nodes" / node.node / file).stat()
            there = (build.folder / "classes" / node.digest / file).stat()
            same = (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
        except OSError:
            same = False
        if not same:
            build.files(node)
            return
