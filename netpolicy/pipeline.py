"""The stages of a compile, each computed once when it is asked for.

cluster YAML + policy text -> Cluster, PolicyFile -> Policy -> Plan (a class of nodes) -> Ruleset -> files
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

from netpolicy.diagnostic import Diagnostic, Severity, did_you_mean, error, has_errors
from netpolicy.dsl.syntax import PolicyFile
from netpolicy.flow.classes import classes
from netpolicy.flow.model import NodeClass, Plan
from netpolicy.flow.plan import plan
from netpolicy.lint import Context, Profile, lint_cluster, lint_policy, rules
from netpolicy.policy.cluster import Cluster
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.policy.load import Place, Reader, Unreadable, load
from netpolicy.policy.model import Policy
from netpolicy.policy.names import collect
from netpolicy.policy.resolve import may_follow, resolve
from netpolicy.proof import Proved, Prover
from netpolicy.registry import modules
from netpolicy.securitygroups.inventory import inventory
from netpolicy.securitygroups.lower import lower
from netpolicy.securitygroups.model import Form
from netpolicy.securitygroups.render import as_json
from netpolicy.source import Source
from netpolicy.targets import Cloud, Options, Target
from netpolicy.verify.promises import Breach, breaches
from netpolicy.waivers.comment import Waiver, in_cluster, in_policy
from netpolicy.waivers.judge import Linted, judge


@dataclass(frozen=True, slots=True)
class Built:
    """What the nodes of a class load: files by name, and the digest of all of them."""

    node_class: NodeClass
    files: dict[str, str] = field(hash=False)

    @property
    def digest(self) -> str:
        """sha256 over names and contents of the files."""
        whole = hashlib.sha256()
        for name in sorted(self.files):
            whole.update(f"{name} {hashlib.sha256(self.files[name].encode()).hexdigest()}\n".encode())
        return whole.hexdigest()


def targets() -> tuple[Target, ...]:
    """Every target that writes for nodes; they are imported now, since linting needs none."""
    return tuple(module.TARGET for module in modules("netpolicy.targets") if hasattr(module, "TARGET"))


def clouds() -> tuple[Cloud, ...]:
    """Every target that writes security groups for a whole cluster."""
    return tuple(module.CLOUD for module in modules("netpolicy.targets") if hasattr(module, "CLOUD"))


@dataclass(frozen=True, slots=True)
class CloudFile:
    """The security groups of a cluster as one cloud, or the neutral form (`groups`), writes them."""

    name: str
    file: str
    text: str


class Pipeline:
    """One cluster with its policy on one day. A stage that errors keep from running is None; `diagnostics` says why."""

    def __init__(
        self,
        cluster_path: str,
        read: Reader,
        day: date,
        *,
        omit_expired: bool = False,
        options: Options | None = None,
        profile: Profile = Profile.STANDARD,
        waivers: Sequence[Waiver] = (),
    ) -> None:
        self.cluster_path = cluster_path
        self.day = day
        self.omit_expired = omit_expired
        self.options = options or Options()
        self.profile = profile
        self.waivers = waivers
        self.sources: list[Source] = []
        self._shipped: list[Source] = []
        self._read = read

    def read(self, place: Place) -> Source | Unreadable:
        """The file at a place, remembered as an input."""
        source = self._read(place)
        if isinstance(source, Source):
            self.sources.append(source)
            self._shipped += [source] if place.shipped else []
        return source

    @cached_property
    def _cluster(self) -> tuple[Cluster | None, list[Diagnostic]]:
        source = self.read(Place(self.cluster_path, shipped=False))
        if isinstance(source, Unreadable):
            raise InputError(source)
        if source.name.endswith(".netpol"):
            hint = f"name the cluster file; it names its policy, such as `policy: ./{source.name.rpartition('/')[2]}`"
            raise InputError(Unreadable(f"`{source.name}` is a policy, not a cluster", hint))
        cluster, found = read_cluster(source)
        return cluster, [*found, *_unknown_clouds(cluster)]

    @cached_property
    def _files(self) -> tuple[tuple[PolicyFile, ...], list[Diagnostic]]:
        cluster = self.cluster
        if cluster is None or not cluster.policy:
            return (), []
        return load(cluster.policy, cluster.policy_span, Place(self.cluster_path, shipped=False), self.read)

    @cached_property
    def _policy(self) -> tuple[Policy | None, list[Diagnostic]]:
        files, _ = self._files
        if self.cluster is None or not files:
            return None, []
        policy, found = resolve(files, self.cluster, self.day, omit_expired=self.omit_expired)
        if has_errors(self._cluster[1]):
            found = [one for one in found if not may_follow(one)]
        return policy, found

    @property
    def cluster(self) -> Cluster | None:
        return self._cluster[0]

    @property
    def files(self) -> tuple[PolicyFile, ...]:
        return self._files[0]

    @cached_property
    def policy(self) -> Policy | None:
        """The policy, when nothing before it is an error."""
        found = [*self._cluster[1], *self._files[1], *self._policy[1]]
        return None if has_errors(found) else self._policy[0]

    @property
    def shipped(self) -> tuple[Source, ...]:
        """The inputs that come with the product."""
        return tuple(self._shipped)

    @cached_property
    def plans(self) -> tuple[Plan, ...]:
        return plan(self.policy, apart=self.options.inline_sets) if self.policy is not None else ()

    @cached_property
    def breaches(self) -> list[Breach]:
        """The promises that are broken, and by what."""
        return breaches(self.policy, self.plans) if self.policy is not None else []

    @property
    def promises(self) -> list[Diagnostic]:
        return [one.finding for one in self.breaches]

    @cached_property
    def _lint(self) -> list[Diagnostic]:
        """What the lint rules find: in a sound cluster, and in a sound policy."""
        cluster, found = self._cluster
        if cluster is None or has_errors(found):
            return []
        of_policy = lint_policy(self._context(self.policy), self.profile) if self.policy is not None else []
        return [*lint_cluster(cluster, self.profile), *of_policy]

    def _context(self, policy: Policy) -> Context:
        shipped = frozenset(self._shipped)
        return Context(policy, collect(self.files)[0], self.files, shipped, self.plans, self.day)

    @property
    def faults(self) -> list[Diagnostic]:
        """Everything that is wrong, up to the promises, whatever is suppressed."""
        return [*self._cluster[1], *self._files[1], *self._policy[1], *self.promises]

    @cached_property
    def linted(self) -> Linted:
        """Everything that is wrong, and what lint finds, without what is suppressed; and every suppression."""
        faults, found = self.faults, self._lint
        waivers, wrong = list(self.waivers), list[Diagnostic]()
        for file in self.files:
            if file.source not in self._shipped:
                waivers, wrong = _added(waivers, wrong, in_policy(file))
        if self.cluster is not None:
            waivers, wrong = _added(waivers, wrong, in_cluster(self.cluster.source))
        levels = {rule.code: rule.level(self.profile) for rule in rules()}
        whole = self.policy is not None
        return judge(
            [*faults, *found, *wrong], waivers, self.day, lambda code: whole and levels.get(code, True) is not None
        )

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """Everything that is wrong, and what lint finds, without what is suppressed."""
        return list(self.linted.findings)

    @property
    def told(self) -> list[Diagnostic]:
        """The same without the notices of lint rules, which `netpolicy lint` gives."""
        of_lint = {rule.code for rule in rules()}
        return [one for one in self.diagnostics if one.severity is not Severity.NOTICE or one.code not in of_lint]

    def built(
        self, progress: Callable[[int], object] = lambda _: None, *, of: str = ""
    ) -> Iterator[tuple[Built, list[Diagnostic]]]:
        """The files of each class of nodes, one class at a time; `progress` hears of the nodes done.

        Where a node is named, of its class alone.
        """
        for one in self.plans:
            if of and of not in one.node_class.members:
                continue
            files: dict[str, str] = {}
            found: list[Diagnostic] = []
            for target in targets():
                ruleset, limits = target.lower(one, self.options)
                files |= target.render(ruleset)
                found += limits
            yield Built(one.node_class, files), found
            progress(len(one.node_class.members))

    @cached_property
    def prover(self) -> Prover:
        """Proves what was written; the policy must be sound."""
        assert self.policy is not None
        return Prover(self.policy)

    def proved(self, built: Built) -> tuple[Proved, list[Diagnostic]]:
        """What is proved of the files of a class, read back from their text, and how they differ from the policy."""
        done, found = Proved(), list[Diagnostic]()
        for target in targets():
            home = f"nodes/{built.node_class.members[0]}"
            files = {name: Source(f"{home}/{name}", built.files[name]) for name in target.files if name in built.files}
            of_target, wrong = self.prover.prove(built.node_class, target, files)
            done, found = done + of_target, found + wrong
        return done, found

    def proved_groups(self, files: Sequence[CloudFile]) -> tuple[int, list[Diagnostic]]:
        """How many kinds of interfaces are proved to admit what the hosts do, in all clouds, and how others differ."""
        done, found = 0, list[Diagnostic]()
        by_name = {cloud.name: cloud for cloud in clouds()} if files else {}
        classes = [one.node_class for one in self.plans]
        for one in files:
            if one.name in by_name:
                source = Source(f"cloud/{one.file}", one.text)
                kinds, wrong = self.prover.prove_groups(by_name[one.name], source, classes)
                done, found = done + kinds, found + wrong
        return done, found

    @cached_property
    def form(self) -> tuple[Form | None, list[Diagnostic]]:
        """The security groups of the cluster, and what no security group can say."""
        if self.policy is None:
            return None, []
        apart = self.options.inline_sets
        form, found = lower(self.policy, classes(self.policy) if apart else [one.node_class for one in self.plans])
        return (None if has_errors(found) else form), found

    def chosen_clouds(self, names: Sequence[str] = ()) -> tuple[Cloud, ...]:
        """The clouds of these names, else those that the cluster names, else every one; `none` is none."""
        if not names and self.cluster is not None and self.cluster.clouds is not None:
            names = [one.text for one in self.cluster.clouds] or ["none"]
        return tuple(cloud for cloud in clouds() if not names or cloud.name in names)

    def security_groups(self, names: Sequence[str] = ()) -> tuple[list[CloudFile], list[Diagnostic]]:
        """The files of the clouds that the names, or the cluster, ask for, or none with an error.

        Where nobody asks, those of every cloud that can say the policy: what others cannot say is a warning.
        """
        chosen = self.chosen_clouds(names)
        files, found = self.cloud_files(chosen)
        asked = bool(names) or self.cluster is None or self.cluster.clouds is not None
        if asked or not has_errors(found):
            return files, found
        able = [cloud for cloud in chosen if not has_errors(self.cloud_files([cloud])[1])]
        return self.cloud_files(able)[0], [_left_out(one) for one in found]

    def cloud_files(self, chosen: Sequence[Cloud]) -> tuple[list[CloudFile], list[Diagnostic]]:
        """The neutral form and a file for each cloud; none when one of them cannot say what the policy says."""
        if not chosen:
            return [], []
        form, found = self.form
        if form is None or self.cluster is None:
            return [], found
        files = [CloudFile("groups", "groups.json", as_json(form))]
        addresses = inventory(self.cluster)
        for cloud in chosen:
            ruleset, limits = cloud.lower(form, addresses)
            found = [*found, *limits]
            files.append(CloudFile(cloud.name, cloud.file, cloud.render(ruleset)))
        return ([] if has_errors(found) else files), found


def _added(
    waivers: list[Waiver], wrong: list[Diagnostic], more: tuple[list[Waiver], list[Diagnostic]]
) -> tuple[list[Waiver], list[Diagnostic]]:
    return [*waivers, *more[0]], [*wrong, *more[1]]


def _left_out(one: Diagnostic) -> Diagnostic:
    """What a cloud cannot say, where nobody asked for it."""
    return replace(one, severity=Severity.WARNING, message=f"{one.message}; its security groups are left out")


def unknown_cloud(name: str) -> tuple[str, str] | None:
    """What is wrong with the name of a cloud, and what to do; None for one that some target writes for."""
    known = [cloud.name for cloud in clouds()]
    if name in known:
        return None
    return f"no cloud `{name}`", did_you_mean(name, known) or f"one of {', '.join(known)}"


def _unknown_clouds(cluster: Cluster | None) -> Iterator[Diagnostic]:
    for name in cluster.clouds or () if cluster is not None else ():
        if (wrong := unknown_cloud(name.text)) is not None:
            yield error("NP610", wrong[0], name.span, hint=wrong[1])


class InputError(Exception):
    """The file that the user named cannot be read at all."""

    def __init__(self, unreadable: Unreadable) -> None:
        super().__init__(unreadable.why)
        self.unreadable = unreadable
