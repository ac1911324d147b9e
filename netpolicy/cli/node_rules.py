"""The rules of one node: of a build folder, of what was applied last, or compiled here from a cluster file.

What cannot be had is a StoppedError. Only a cluster file needs a parser: for the others none is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from netpolicy.diagnostic import did_you_mean, error, has_errors
from netpolicy.node.addresses import held, who, wrong_node
from netpolicy.node.bundle import Build, Bundle, StatementText, bundle_of, class_digest
from netpolicy.node.host import Host
from netpolicy.node.journal import Journal
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.policy.identity import Identity, identity_of

if TYPE_CHECKING:
    from netpolicy.pipeline import Pipeline
    from netpolicy.policy.model import Policy

SELF = "self"
"""The name that stands for the node whose addresses this machine holds."""
_MOST = 8


def from_build(folder: str, name: str, otherwise: str = "", signed: tuple[Path, str] | None = None) -> Bundle:
    """The rules of that node in a build folder, checked against its manifest.

    Where no node is named it is the only one there is, or, where there are several, `otherwise`; so in `compiled`.
    With `signed`, a file of allowed signers and the name of one, the manifest must bear the signature of that one.
    """
    build = Build(Path(folder))
    if signed is not None:
        build.verify(Host(), *signed)
    name = name or _only(build.present, f"build `{folder}`", otherwise)
    if name == SELF:
        name = who((build.identity(one) for one in build.present), held()).node
    return build.bundle(name)


def applied(state: str, name: str = "") -> Bundle:
    """The rules that were applied last on this machine, as its state folder keeps them."""
    journal = Journal(Path(state))
    force = journal.read().in_force
    if force is None:
        hint = "name what must be held with `--build` or `--cluster`, or where the last apply kept it with `--state`"
        _stop(f"nothing was applied yet, by the word of `{state}`", hint)
    bundle = journal.kept(force.digest)
    if bundle is None or not bundle.identity.digest == class_digest(bundle.files) == force.digest:
        hint = "name the build with `--build`; the next apply keeps its rules again"
        _stop(f"the rules that were applied last are not whole in `{state}`", hint)
    if name == SELF:
        who([bundle.identity], held())
    elif name and name != force.node:
        _stop(f"`{force.node}` was applied here, not `{name}`", "leave `--node` out, or name a build with `--build`")
    return bundle


def must_be_here(identity: Identity) -> None:
    """This machine is that node by its addresses, or we are stopped."""
    if wrong := wrong_node(identity, held()):
        raise StoppedError(Ending.REFUSED, *wrong)


def applied_node(state: str) -> str:
    """The node whose rules were applied last on this machine; empty where nobody can tell."""
    try:
        force = Journal(Path(state)).read().in_force
    except StoppedError:
        return ""
    return force.node if force is not None else ""


def compiled(path: str, name: str, serial: int | None = None, otherwise: str = "") -> Bundle:
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
    return _built(pipeline, policy, _chosen(nodes, name or _only(nodes, f"cluster `{path}`", otherwise)))


def _chosen(nodes: Mapping[str, Identity], name: str) -> Identity:
    if name == SELF:
        return who(nodes.values(), held())
    if name not in nodes:
        hint = did_you_mean(name, nodes) or f"it has others, such as `{min(nodes)}`"
        _stop(f"the cluster has no node `{name}`", hint)
    return nodes[name]


def _built(pipeline: Pipeline, policy: Policy, node: Identity) -> Bundle:
    for built, limits in pipeline.built(of=node.node):
        if has_errors(limits):
            raise StoppedError(Ending.REFUSED, *limits)
        _, differing = pipeline.proved(built)
        if differing:
            raise StoppedError(Ending.REFUSED, *differing)
        return bundle_of(replace(node, digest=built.digest), built.files, statements(policy))
    raise AssertionError("every node has a class")


def statements(policy: Policy) -> dict[str, StatementText]:
    """As the manifest of a build says them."""
    return {
        one.id: StatementText(
            one.id,
            f"{one.who.text} -> {one.whom.text} : {one.what}",
            f"{one.span.source.name}:{one.span.line}" if one.span else "",
        )
        for one in policy.statements
    }


def _only(names: Iterable[str], where: str, otherwise: str) -> str:
    """The one name there is, else the other one; where nobody says which, we are stopped."""
    listed = sorted(names)
    if not listed:
        _stop(f"{where} has the folder of no node", "copy the folder of the node below `nodes/`, too")
    if len(listed) > 1 and not otherwise:
        shown = f"{', '.join(listed[:_MOST])}{' …' if len(listed) > _MOST else ''}"
        _stop(f"{where} is of {len(listed)} nodes", f"name it with `--node`: {shown}")
    return listed[0] if len(listed) == 1 else otherwise


def _stop(message: str, hint: str) -> NoReturn:
    raise StoppedError(Ending.UNUSABLE, error("NP818", message, hint=hint))
