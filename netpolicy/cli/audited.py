"""Compiles, reads back and proves a cluster for an audit: each class once, and what is kept of it is small."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from netpolicy.diagnostic import Diagnostic, has_errors
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.pipeline import Built, Pipeline, clouds, targets
from netpolicy.policy.citation import of_policy
from netpolicy.policy.identity import identity_of
from netpolicy.proof import PREMISES, Proved
from netpolicy.readback import emitted_of
from netpolicy.report.audit.compiled import Compiled
from netpolicy.report.audit.model import AGREES, DIFFERS, NOT_ASKED, REFERENCE, CloudText, Proof, Voice
from netpolicy.report.audit.witness import Asked, stops_of
from netpolicy.source import Source
from netpolicy.targets.iptables.rules import Ruleset
from netpolicy.verify.emitted import Emitted


@dataclass(slots=True)
class Audited:
    """What one pass over the classes of a cluster found out; rulesets are kept only where others are compared."""

    pipeline: Pipeline
    asked: tuple[Asked, ...]
    keep: bool
    compiled: Compiled = field(init=False)
    done: Proved = field(default_factory=Proved)
    found: list[Diagnostic] = field(default_factory=list)
    differing: set[Family] = field(default_factory=set)
    rulesets: dict[str, Ruleset] = field(default_factory=dict)
    clouds: tuple[CloudText, ...] = ()
    voices: list[Voice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.compiled = Compiled(stops_of(self.asked))

    def all(self) -> None:
        """Looks at every class, then at every cloud."""
        for built, limits in self.pipeline.built():
            self.found += [one for one in limits if has_errors([one])]
            self._class(built)
        statements = len({one.id for one in self.pipeline.policy.statements}) if self.pipeline.policy else 0
        what = f"the meaning of {statements:,} statements in this cluster, with which all others are compared"
        self.voices.append(Voice("policy", what, REFERENCE))
        for family in FAMILIES:
            self.voices.append(_of_family(family, self.compiled, differs=family in self.differing))
        self._clouds()
        self.voices.append(Voice("kernel", "packets through real kernels: `netpolicy rehearse` sends them", NOT_ASKED))

    @property
    def proof(self) -> Proof:
        """What was proved, by whom."""
        counts = {
            "nodes": self.done.nodes,
            "classes": len(self.compiled.loaded),
            "rules": self.done.rules,
            "interfaces": self.done.cards,
        }
        return Proof(counts, tuple(self.voices), PREMISES, tuple(self.found))

    def emitted(self) -> Emitted:
        """What the rules of every node say, for a comparison."""
        policy, class_of = self.pipeline.policy, self.compiled.class_of
        assert policy is not None
        assert self.keep, "the rulesets were kept"
        nodes = tuple(identity_of(policy.cluster, node, class_of[node.name]) for node in policy.cluster.nodes)
        return emitted_of(nodes, self.rulesets, of_policy(policy), policy.networks)

    def _class(self, built: Built) -> None:
        prover, one = self.pipeline.prover, built.node_class
        for target in targets():
            home = f"nodes/{one.members[0]}"
            files = {name: Source(f"{home}/{name}", built.files[name]) for name in target.files if name in built.files}
            ruleset, wrong = target.read(files)
            self.found += wrong
            if ruleset is None:
                self.differing.update(FAMILIES)
                continue
            of_class, differing = prover.judge(one, target, ruleset, files)
            self.done += of_class
            self.found += differing
            if differing:
                alone = {family for family in FAMILIES if prover.judge(one, target, ruleset, files, [family])[1]}
                self.differing |= alone or set(FAMILIES)
            if isinstance(ruleset, Ruleset):
                digest = built.digest
                self.compiled.add(one, digest, files, ruleset)
                if self.keep:
                    self.rulesets.setdefault(digest, ruleset)

    def _clouds(self) -> None:
        """Security groups of each cloud beside the same meaning."""
        files, found = self.pipeline.security_groups()
        self.found += [one for one in found if has_errors([one])]
        texts = []
        for one in files:
            texts.append(CloudText(one.name, f"cloud/{one.file}", hashlib.sha256(one.text.encode()).hexdigest()))
            if one.name in self._known:
                kinds, wrong = self.pipeline.proved_groups([one])
                self.done += Proved(cards=kinds)
                self.found += wrong
                what = f"security groups of {kinds:,} kinds of interfaces, read back from cloud/{one.file}"
                self.voices.append(Voice(f"{one.name} groups", what, DIFFERS if wrong else AGREES))
        self.clouds = tuple(texts)
        for name in sorted(self._known - {one.name for one in files}):
            why = next((one.message for one in found), "the cluster asks for no security groups of it")
            self.voices.append(Voice(f"{name} groups", why, NOT_ASKED))

    @property
    def _known(self) -> set[str]:
        return {one.name for one in clouds()}


def _of_family(family: Family, compiled: Compiled, *, differs: bool) -> Voice:
    classes = len(compiled.loaded)
    what = f"every packet of IPv{family.value}, by the rules of {classes:,} classes as read back from their text"
    return Voice(f"iptables IPv{family.value}", what, DIFFERS if differs else AGREES)
