"""The emitted text of a whole cluster, read back: of a compile in memory, or of the files of a build."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netpolicy.diagnostic import Diagnostic, has_errors
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.grid import Atoms, Grid
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.packets import Packet
from netpolicy.packet.packetset import PacketSet
from netpolicy.pipeline import Pipeline
from netpolicy.policy.citation import Citation, of_policy
from netpolicy.policy.identity import Identity, identity_of
from netpolicy.policy.model import Named
from netpolicy.source import Source
from netpolicy.targets.iptables.admitted import address_sets, admitted
from netpolicy.targets.iptables.decide import Verdict, decide
from netpolicy.targets.iptables.read import read
from netpolicy.targets.iptables.rules import Ruleset
from netpolicy.targets.iptables.thanks import statements_of, thanks
from netpolicy.verify.emitted import Emitted, Thanks

Files = Mapping[str, str]


def of_pipeline(pipeline: Pipeline) -> tuple[Emitted | None, list[Diagnostic]]:
    """What the rules of every node say, compiled in memory; None where a target cannot say what the policy says."""
    policy = pipeline.policy
    assert policy is not None
    class_of: dict[str, str] = {}
    rulesets: dict[str, Ruleset] = {}
    for built, found in pipeline.built():
        if has_errors(found):
            return None, found
        digest = built.digest
        class_of.update(dict.fromkeys(built.node_class.members, digest))
        if digest not in rulesets:
            ruleset, wrong = _read(built.files)
            if ruleset is None:
                return None, wrong
            rulesets[digest] = ruleset
    nodes = tuple(identity_of(policy.cluster, node, class_of[node.name]) for node in policy.cluster.nodes)
    return emitted_of(nodes, rulesets, of_policy(policy), policy.networks), []


def of_files(
    nodes: Iterable[Identity], files: Mapping[str, Files], citations: Mapping[str, Citation]
) -> tuple[Emitted | None, list[Diagnostic]]:
    """What the files of each class, by the digest that its nodes name, say; None where they cannot be read."""
    rulesets: dict[str, Ruleset] = {}
    for digest, texts in files.items():
        ruleset, wrong = _read(texts)
        if ruleset is None:
            return None, wrong
        rulesets[digest] = ruleset
    return emitted_of(tuple(nodes), rulesets, citations, ()), []


def emitted_of(
    nodes: tuple[Identity, ...],
    rulesets: Mapping[str, Ruleset],
    citations: Mapping[str, Citation],
    networks: tuple[Named, ...],
) -> Emitted:
    """The value of these rulesets, one a class."""
    asked: dict[Family, dict[Intervals, None]] = {
        family: dict.fromkeys(one for ruleset in rulesets.values() for one in address_sets(ruleset, family))
        for family in FAMILIES
    }
    atoms = {family: Atoms.of(family.last, asked[family]) for family in FAMILIES}
    grids = {family: Grid(family, atoms[family]) for family in FAMILIES}
    passing: dict[str, PacketSet] = {digest: admitted(ruleset, grids) for digest, ruleset in rulesets.items()}
    class_of = {node.node: node.digest for node in nodes}

    def why(name: str, packet: Packet) -> tuple[bool, tuple[str, ...]]:
        return decided(rulesets[class_of[name]], packet)

    def thanked() -> Mapping[str, Thanks]:
        return {
            digest: tuple(
                (statements, PacketSet.only(family, packets))
                for family in FAMILIES
                for hook in ("INPUT", "OUTPUT")
                for statements, packets in thanks(ruleset, family, hook, grids)
            )
            for digest, ruleset in rulesets.items()
        }

    return Emitted(nodes, passing, atoms, why, thanked, networks, citations)


def decided(ruleset: Ruleset, packet: Packet) -> tuple[bool, tuple[str, ...]]:
    """Whether a ruleset lets a packet pass, and the statements in the comment of the last rule that has any."""
    decision = decide(ruleset, packet)
    passes = decision.verdict is Verdict.ALLOW
    for step in reversed(decision.why):
        statements = statements_of(step.rule.comment) if step.rule is not None else ()
        if statements:
            return passes, statements
    return passes, ()


def _read(files: Files) -> tuple[Ruleset | None, list[Diagnostic]]:
    return read({name: Source(name, text) for name, text in files.items()})
