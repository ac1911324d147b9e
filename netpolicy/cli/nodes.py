"""The nodes of a build folder or a cluster file, with what the cluster says of each.

Of a build nothing but `nodes/*/node.json` is read, and its manifest where there is one: then every byte is checked
against it. Of a cluster file no policy is read, until rules are asked for.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from netpolicy.diagnostic import did_you_mean, error, has_errors
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.policy.identity import Identity, from_dict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netpolicy.policy.citation import Citation
    from netpolicy.targets.iptables.rules import Ruleset

SELF = "self"
_MOST = 8


class Nodes:
    """The nodes of what the options name. What cannot be read is a StoppedError."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._build, self._cluster = options.build, options.cluster
        self.all = _of_build(Path(options.build)) if options.build else _of_cluster(options.cluster)
        self.name = "" if options.node == SELF else options.node
        names = [one.node for one in self.all]
        if self.name and self.name not in names:
            listed = f"it has {', '.join(names[:_MOST])}{' …' if len(names) > _MOST else ''}"
            where = f"build `{self._build}`" if self._build else f"cluster `{self._cluster}`"
            hint = did_you_mean(self.name, names) or listed
            _stop(f"{where} has no node `{self.name}`", hint)

    def rules(self, name: str) -> tuple[Ruleset, dict[str, Citation]]:
        """What the node must load, and the statements that its rules name."""
        from netpolicy.cli.node_rules import compiled, from_build
        from netpolicy.policy.citation import Citation

        bundle = from_build(self._build, name) if self._build else compiled(self._cluster, name)
        return bundle.ruleset, {one.id: Citation(one.flow, one.place) for one in bundle.statements.values()}


def _of_cluster(path: str) -> tuple[Identity, ...]:
    """Every node of a cluster file; its policy is not read."""
    from netpolicy.cli.files import read
    from netpolicy.policy.clusterfile import read_cluster
    from netpolicy.policy.identity import identity_of
    from netpolicy.policy.load import Place, Unreadable

    source = read(Place(path, shipped=False))
    if isinstance(source, Unreadable):
        raise StoppedError(Ending.UNUSABLE, error(source.code, source.why, hint=source.hint))
    cluster, found = read_cluster(source)
    wrong = [one for one in found if has_errors([one])]
    if cluster is None or wrong:
        raise StoppedError(Ending.UNUSABLE, *wrong)
    return tuple(identity_of(cluster, node) for node in cluster.nodes)


def _of_build(folder: Path) -> tuple[Identity, ...]:
    """Every node of which the folder holds the identity."""
    paths = sorted(folder.glob("nodes/*/node.json"))
    if not paths:
        _stop(f"`{folder}` has no `nodes/*/node.json`", "name a folder that `netpolicy compile` wrote")
    manifest = folder / "manifest.json"
    if manifest.exists() or manifest.is_symlink():
        return _by_manifest(folder, [path.parent.name for path in paths])
    return tuple(_read(path) for path in paths)


def _by_manifest(folder: Path, names: Iterable[str]) -> tuple[Identity, ...]:
    """The identities of these nodes as the manifest has them; all damage is told at once."""
    from netpolicy.node.bundle import Build

    build, found, wrong = Build(folder), [], []
    for name in names:
        if name not in build.names:
            hint = "copy the build again, or take the folder of that node out of it"
            message = f"`nodes/{name}/node.json` is no file of the manifest (build `{folder}`)"
            wrong.append(error("NP755", message, hint=hint))
            continue
        try:
            found.append(build.identity(name))
        except StoppedError as stopped:
            wrong += stopped.found
    if wrong:
        raise StoppedError(Ending.UNUSABLE, *wrong)
    return tuple(found)


def _read(path: Path) -> Identity:
    try:
        return from_dict(json.loads(path.read_bytes()))
    except OSError as failure:
        why = (failure.strerror or "no reason given").lower()
        _stop(f"`{path}` cannot be read: {why}", "it must be readable for this user")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        _stop(f"`{path}` is no identity of a node", "copy the build again, or compile it again")


def _stop(message: str, hint: str) -> NoReturn:
    raise StoppedError(Ending.UNUSABLE, error("NP720", message, hint=hint))
