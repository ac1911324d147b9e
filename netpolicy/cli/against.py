"""What `verify` proves: what is compiled in memory, a build folder, or the saved rules of one node."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from netpolicy.cli.files import read
from netpolicy.diagnostic import Diagnostic, did_you_mean, error, has_errors
from netpolicy.flow.model import NodeClass
from netpolicy.node.bundle import MANIFEST, Build
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.family import Family
from netpolicy.pipeline import CloudFile, Pipeline, targets
from netpolicy.policy.cluster import Node
from netpolicy.policy.identity import Identity, identity_of
from netpolicy.policy.load import Place
from netpolicy.policy.model import Policy
from netpolicy.policy.selectors import address_set
from netpolicy.proof import Proved
from netpolicy.source import Source
from netpolicy.targets.iptables.family_of import family_of
from netpolicy.targets.iptables.read import RULES, SETS
from netpolicy.targets.iptables.read_dump import read_dump

_SETS = re.compile(r"(?:#[^\n]*\n|\s)*create ")
_NO_FAMILY = "nothing in `%s` says whether its rules are of IPv4 or IPv6"
Found = tuple[Proved, list[Diagnostic]]


def of_compile(pipeline: Pipeline, options: argparse.Namespace) -> Found:
    """What is proved of all that a compile would write."""
    files, found = pipeline.security_groups(options.cloud)
    if has_errors(found):
        return Proved(), found
    done, wrong = _of_groups(pipeline, files)
    digests: set[str] = set()
    for built, limits in pipeline.built():
        digests.add(built.digest)
        of_class, differing = pipeline.proved(built)
        done, wrong = done + of_class, [*wrong, *(one for one in limits if has_errors([one])), *differing]
    return replace(done, classes=len(digests)), [*found, *wrong]


def against(pipeline: Pipeline, options: argparse.Namespace) -> Found:
    """What is proved of what is there; a `StoppedError` says why it cannot be read."""
    first, *more = (Path(one) for one in options.against)
    if not more and os.path.exists(first / MANIFEST):  # noqa: PTH110
        return against_build(pipeline, Build(first))
    return against_saved(pipeline, options.node, [path for one in (first, *more) for path in _saved(one)])


def against_saved(pipeline: Pipeline, name: str, paths: Sequence[Path]) -> Found:
    """What is proved of the rules that a node printed, for the families that are there."""
    policy = pipeline.policy
    assert policy is not None
    node_class = _class_of(pipeline, policy, name)
    texts = [_text(path) for path in paths]
    sets = next((one for one in texts if _SETS.match(one.text)), None)
    families: dict[Family, Source] = {}
    found: list[Diagnostic] = []
    for source in (one for one in texts if one is not sets):
        family = family_of(source)
        if family is None or family in families:
            message = f"`{source.name}` is of a family that is there already" if family else _NO_FAMILY % source.name
            found.append(error("NP318", message, hint="give the text of iptables-save, of ip6tables-save, or of both"))
        else:
            families[family] = source
    if not families and not found:
        found.append(error("NP318", "there are no saved rules", hint="give the text of iptables-save"))
    return (Proved(), found) if found else _of_saved(pipeline, node_class, families, sets)


def _of_saved(
    pipeline: Pipeline, node_class: NodeClass, families: Mapping[Family, Source], sets: Source | None
) -> Found:
    done, found = Proved(), list[Diagnostic]()
    texts = list[str]()
    for family, source in families.items():
        dump, wrong = read_dump(source, family, sets)
        found += wrong
        if dump is not None:
            target = next(one for one in targets() if RULES[family] in one.files)
            of_family, wrong = pipeline.prover.judge(
                node_class, target, dump.ruleset, {RULES[family]: source}, [family]
            )
            done, found = replace(of_family, rules=done.rules + of_family.rules), found + wrong
            texts.append(f"{source.name}: {dump.coverage}")
    if any(one.code in ("NP311", "NP312") for one in found):
        found = [replace(one, notes=(*one.notes, *texts)) if one.code in ("NP311", "NP312") else one for one in found]
    return done, found


def _class_of(pipeline: Pipeline, policy: Policy, name: str) -> NodeClass:
    """The node as a class of its own; the only one where none is named."""
    nodes = {node.name: node for node in policy.cluster.nodes}
    if not name and len(nodes) == 1:
        (name,) = nodes
    if name not in nodes:
        message = f"the cluster has no node `{name}`" if name else "nobody says whose rules these are"
        hint = did_you_mean(name, nodes) if name else ""
        found = error("NP318", message, hint=hint or f"name it with `--node`, such as `--node {min(nodes)}`")
        raise StoppedError(Ending.UNUSABLE, found)
    plan = next(one for one in pipeline.plans if name in one.node_class.members)
    return _part(plan.node_class, [nodes[name]])


def _saved(path: Path) -> list[Path]:
    """The file, or the files in a folder that `apply-rules` and `drift` would read, too."""
    if not os.path.isdir(path):  # noqa: PTH112
        return [path]
    return [path / name for name in (*RULES.values(), SETS) if (path / name).exists()]


def _text(path: Path) -> Source:
    source = read(Place(str(path), shipped=False))
    if isinstance(source, Source):
        return source
    raise StoppedError(Ending.UNUSABLE, error(source.code, source.why, hint=source.hint))


def against_build(pipeline: Pipeline, build: Build) -> Found:
    """What is proved of every node and cloud of a build."""
    policy = pipeline.policy
    assert policy is not None
    nodes = {node.name: node for node in policy.cluster.nodes}
    found = list(unknown(nodes, build))
    texts = [CloudFile(name, path.rpartition("/")[2], text) for name, (path, text) in build.cloud_files.items()]
    done, wrong = _of_groups(pipeline, texts)
    found += wrong
    digests: set[str] = set()
    for plan in pipeline.plans:
        grouped: dict[str, list[Identity]] = {}
        for name in plan.node_class.members:
            if name in build.manifest["nodes"]:
                identity = build.identity(name)
                found += otherwise(policy, nodes[name], identity)
                grouped.setdefault(identity.digest, []).append(identity)
        digests.update(grouped)
        for members in grouped.values():
            of_class, wrong = _of_class(
                pipeline, build, _part(plan.node_class, [nodes[one.node] for one in members]), members
            )
            done, found = done + of_class, found + wrong
    return replace(done, classes=len(digests)), found


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


def unknown(nodes: dict[str, Node], build: Build) -> Iterator[Diagnostic]:
    """Nodes that only the cluster, or only the build, has."""
    for name, node in nodes.items():
        if name not in build.manifest["nodes"]:
            yield error("NP317", f"the build has no rules for `{name}`", node.span, hint="compile the cluster again")
    for name in sorted(set(build.manifest["nodes"]) - set(nodes)):
        hint = "compile the cluster again, or name the cluster of that build"
        yield error("NP317", f"the build has rules for `{name}`, which the cluster does not have", hint=hint)


def otherwise(policy: Policy, node: Node, identity: Identity) -> Iterator[Diagnostic]:
    """The identity in the build says something else of the node than the cluster."""
    wanted = identity_of(policy.cluster, node, digest=identity.digest, serial=identity.serial)
    if wanted != identity:
        message = f"`nodes/{node.name}/node.json` says something else of the node than the cluster"
        yield error("NP317", message, node.span, hint="its addresses or roles were changed: compile the cluster again")
