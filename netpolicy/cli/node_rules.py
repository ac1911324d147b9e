"""The rules of one node: those of a build folder, or those that a cluster file compiles to here.

What cannot be had is a StoppedError. A build needs no parser: none is imported for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from netpolicy.diagnostic import did_you_mean, error, has_errors
from netpolicy.node.addresses import held, who
from netpolicy.node.bundle import Build, Bundle, StatementText, bundle_of
from netpolicy.node.host import Host
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.policy.identity import Identity, identity_of

if TYPE_CHECKING:
    from netpolicy.pipeline import Pipeline
    from netpolicy.policy.model import Policy

SELF = "self"
"""The name that stands for the node whose addresses this machine holds; no name at all is the only node there is."""
_MOST = 8


def from_build(folder: str, name: str, signed: tuple[Path, str] | None = None) -> Bundle:
    """The rules of that node in a build folder, checked against its manifest.

    With `signed`, a file of allowed signers and the name of one, the manifest must bear the signature of that one.
    """
    build = Build(Path(folder))
    if signed is not None:
        build.verify(Host(), *signed)
    names = list(build.present)
    if name == SELF:
        return build.bundle(who((build.identity(one) for one in names), held()).node)
    return build.bundle(name or only(names, f"build `{folder}`"))


def compiled(path: str, name: str, serial: int | None = None) -> Bundle:
    """The rules of that node, compiled from a cluster file and its policy as they are judged today.

    The errors of cluster and policy, broken promises too, are told all at once.
    """
    from netpolicy.cli.files import read
    from netpolicy.cli.options import today
    from netpolicy.pipeline import InputError, Pipeline

    pipeline = Pipeline(path, read, today())
    try:
        found, policy = pipeline.faults, pipeline.policy
    except InputError as failure:
        why = failure.unreadable
        raise StoppedError(Ending.UNUSABLE, error(why.code, why.why, hint=why.hint)) from None
    if has_errors(found) or policy is None:
        raise StoppedError(Ending.REFUSED, *(one for one in found if has_errors([one])))
    nodes = {node.name: identity_of(policy.cluster, node, serial=serial or 0) for node in policy.cluster.nodes}
    return _built(pipeline, policy, _chosen(nodes, name, path))


def _chosen(nodes: Mapping[str, Identity], name: str, path: str) -> Identity:
    if name == SELF:
        return who(nodes.values(), held())
    name = name or only(nodes, f"cluster `{path}`")
    if name not in nodes:
        hint = did_you_mean(name, nodes) or f"it has {len(nodes)} nodes, such as `{min(nodes)}`"
        raise StoppedError(Ending.UNUSABLE, error("NP818", f"the cluster has no node `{name}`", hint=hint))
    return nodes[name]


def _built(pipeline: Pipeline, policy: Policy, node: Identity) -> Bundle:
    from dataclasses import replace

    for built, limits in pipeline.built(of=node.node):
        if has_errors(limits):
            raise StoppedError(Ending.REFUSED, *limits)
        return bundle_of(replace(node, digest=built.digest), built.files, _statements(policy))
    raise AssertionError("every node has a class")


def _statements(policy: Policy) -> dict[str, StatementText]:
    """As the manifest of a build says them."""
    return {
        one.id: StatementText(
            one.id,
            f"{one.who.text} -> {one.whom.text} : {one.what}",
            f"{one.span.source.name}:{one.span.line}" if one.span else "",
        )
        for one in policy.statements
    }


def only(names: Iterable[str], where: str) -> str:
    """The one name there is; several stop us."""
    listed = sorted(names)
    if len(listed) == 1:
        return listed[0]
    shown = f"{', '.join(listed[:_MOST])}{' …' if len(listed) > _MOST else ''}"
    hint = f"name it with `--node`: {shown}" if listed else "copy the folder of the node, too"
    raise StoppedError(Ending.UNUSABLE, error("NP818", f"{where} is of {len(listed)} nodes", hint=hint))
