"""What `verify` proves: what is compiled in memory, a build folder, or the saved rules of one node."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from netpolicy.diagnostic import Diagnostic, error, has_errors
from netpolicy.flow.model import NodeClass
from netpolicy.node.bundle import MANIFEST, Build
from netpolicy.pipeline import CloudFile, Pipeline, targets
from netpolicy.policy.cluster import Node
from netpolicy.policy.identity import Identity, identity_of
from netpolicy.policy.model import Policy
from netpolicy.policy.selectors import address_set
from netpolicy.proof import Proved
from netpolicy.source import Source

Found = tuple[Proved, list[Diagnostic]]


def of_compile(pipeline: Pipeline, options: argparse.Namespace) -> Found:
    """What is proved of all that a compile would write."""
    files, found = pipeline.security_groups(options.cloud)
    if has_errors(found):
        return Proved(), found
    done, wrong = _of_groups(pipeline, files)
    for built, limits in pipeline.built():
        of_class, differing = pipeline.proved(built)
        done, wrong = done + of_class, [*wrong, *(one for one in limits if has_errors([one])), *differing]
    return done, [*found, *wrong]


def against(pipeline: Pipeline, options: argparse.Namespace) -> Found:
    """What is proved of what is there; a `StoppedError` says why it cannot be read."""
    paths = [Path(one) for one in options.against]
    if len(paths) == 1 and (paths[0] / MANIFEST).exists():
        return against_build(pipeline, Build(paths[0]))
    raise NotImplementedError


def against_build(pipeline: Pipeline, build: Build) -> Found:
    """What is proved of every node and cloud of a build."""
    policy = pipeline.policy
    assert policy is not None
    nodes = {node.name: node for node in policy.cluster.nodes}
    found = list(_unknown(nodes, build))
    texts = [CloudFile(name, path.rpartition("/")[2], text) for name, (path, text) in build.cloud_files.items()]
    done, wrong = _of_groups(pipeline, texts)
    found += wrong
    for plan in pipeline.plans:
        grouped: dict[str, list[Identity]] = {}
        for name in plan.node_class.members:
            if name in build.manifest["nodes"]:
                identity = build.identity(name)
                found += _otherwise(policy, nodes[name], identity)
                grouped.setdefault(identity.digest, []).append(identity)
        for members in grouped.values():
            of_class, wrong = _of_class(
                pipeline, build, _part(plan.node_class, [nodes[one.node] for one in members]), members
            )
            done, found = done + of_class, found + wrong
    return done, found


def _of_class(pipeline: Pipeline, build: Build, node_class: NodeClass, members: Sequence[Identity]) -> Found:
    """What is proved of the files that these nodes share; each node has its own copy, which is looked at."""
    files: dict[str, str] = {}
    for one in members:
        files = build.files(one)
    home = f"nodes/{members[-1].node}"
    done, found = Proved(), list[Diagnostic]()
    for target in targets():
        sources = {name: Source(f"{home}/{name}", files[name]) for name in target.files if name in files}
        of_target, wrong = pipeline.prover.prove(node_class, target, sources)
        done, found = done + of_target, found + wrong
    return done, found


def _part(node_class: NodeClass, nodes: Sequence[Node]) -> NodeClass:
    """Some nodes of a class; the first stands for them."""
    return replace(node_class, members=tuple(node.name for node in nodes), own=address_set(nodes[0].addresses))


def _of_groups(pipeline: Pipeline, files: Sequence[CloudFile]) -> Found:
    kinds, found = pipeline.proved_groups(files)
    return Proved(cards=kinds), found


def _unknown(nodes: dict[str, Node], build: Build) -> Iterator[Diagnostic]:
    """Nodes that only the cluster, or only the build, has."""
    for name, node in nodes.items():
        if name not in build.manifest["nodes"]:
            yield error("NP317", f"the build has no rules for `{name}`", node.span, hint="compile the cluster again")
    for name in sorted(set(build.manifest["nodes"]) - set(nodes)):
        hint = "compile the cluster again, or name the cluster of that build"
        yield error("NP317", f"the build has rules for `{name}`, which the cluster does not have", hint=hint)


def _otherwise(policy: Policy, node: Node, identity: Identity) -> Iterator[Diagnostic]:
    """The identity in the build says something else of the node than the cluster."""
    wanted = identity_of(policy.cluster, node, digest=identity.digest, serial=identity.serial)
    if wanted != identity:
        message = f"`nodes/{node.name}/node.json` says something else of the node than the cluster"
        yield error("NP317", message, node.span, hint="its addresses or roles were changed: compile the cluster again")
