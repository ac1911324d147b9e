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
    from netpolicy.policy.identity import Identity
    from netpolicy.verify.emitted import Emitted

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
    """One side: what was read, and the files that were, with their sha256."""

    value: Emitted | Dumps
    inputs: list[tuple[str, str]]


def operands(options: argparse.Namespace) -> tuple[Operand, Operand]:
    """The two sides that the command names; an OperandError says which of them cannot be read."""
    old = _operand("OLD", options.old, options.new, options)
    return old, _operand("NEW", options.new, options.old, options)


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
        return Operand(dumps, dumps.inputs)
    if reader is read and os.path.isdir(path):  # noqa: PTH112
        return Operand(*of_build(path))
    return Operand(*_of_pipeline(path, reader, options))


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


def _of_pipeline(path: str, reader: Reader, options: argparse.Namespace) -> tuple[Emitted, list[tuple[str, str]]]:
    """What a cluster file, or a policy with the cluster of the options, compiles to."""
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
        raise OperandError(UNUSABLE, error(why.code, why.why, hint=why.hint)) from None
    if has_errors(found) or pipeline.policy is None:
        raise OperandError(WRONG, *_errors(found))
    emitted, limits = of_pipeline(pipeline)
    if emitted is None:
        raise OperandError(WRONG, *_errors(limits))
    return emitted, [(one.name, one.digest) for one in pipeline.sources]


def _errors(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [one for one in found if has_errors([one])]


def of_build(path: str) -> tuple[Emitted, list[tuple[str, str]]]:
    """What the files of a build folder say, each checked against its manifest."""
    import hashlib

    from netpolicy.node.stopped import StoppedError
    from netpolicy.policy.citation import of_manifest
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
        citations = of_manifest(build.manifest["statements"])
    except (LookupError, TypeError):
        citations = {}
    digest = hashlib.sha256(build.manifest_bytes).hexdigest()
    return emitted_of(nodes, rulesets, citations, ()), [(f"{path.rstrip('/')}/manifest.json", digest)]


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
