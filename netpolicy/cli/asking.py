"""What the emitted rules of the nodes, and the security groups of a cluster, do with single packets.

Everything is compiled in memory, of the nodes that are asked about alone, and judged as it is read back from its text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.packet.family import Family
from netpolicy.pipeline import Built, Pipeline
from netpolicy.securitygroups.inventory import Inventory, Stop, inventory
from netpolicy.securitygroups.model import Direction
from netpolicy.source import Source
from netpolicy.targets import Cloud
from netpolicy.targets.iptables import TARGET
from netpolicy.targets.iptables.decide import Decision, Verdict
from netpolicy.targets.iptables.rules import Goto, Jump, Log, Mark, Reject, Rule, Ruleset
from netpolicy.verify.why.explain import Grouped, Ruled
from netpolicy.verify.why.fates import Where
from netpolicy.verify.why.passages import Passage

_FILES = {Family.V4: "rules.v4", Family.V6: "rules.v6"}
_LEADING = (Jump, Goto, Log, Mark)
_STOPS = {Where.SENDER: Direction.EGRESS, Where.RECEIVER: Direction.INGRESS}


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What a node loads: its text, and what was read back of it."""

    built: Built
    files: dict[str, Source]
    ruleset: Ruleset


class Emitted:
    """Judges packets by what would be written. A cloud is asked only where the cluster names it, or the caller does.

    `unsaid` is why a cloud that should be asked has no groups.
    """

    def __init__(self, pipeline: Pipeline, clouds: tuple[str, ...] = ()) -> None:
        self.pipeline = pipeline
        self.clouds = clouds
        self.unsaid: list[Diagnostic] = []
        self._by_node: dict[str, _Loaded] = {}

    def judge(self, passage: Passage) -> tuple[Ruled | None, tuple[Grouped, ...]]:
        """What rules and groups do with a packet at a place; rules of no node do nothing."""
        if not passage.node:
            return None, ()
        loaded = self._loaded(passage.node)
        decision = TARGET.decide(loaded.ruleset, passage.packet)
        source = loaded.files[_FILES[passage.packet.family]]
        home = f"nodes/{passage.node}"
        return _ruled(decision, source, home), tuple(self._grouped(passage))

    def digest(self, node: str) -> str:
        """The digest of the files of a node, which names its class in a build."""
        return self._loaded(node).built.digest

    def _loaded(self, node: str) -> _Loaded:
        if node not in self._by_node:
            built, found = next(iter(self.pipeline.built(of=node)))
            files = {name: Source(name, text) for name, text in built.files.items() if name in TARGET.files}
            ruleset, unread = TARGET.read(files)
            assert ruleset is not None and not found, "a sound policy compiles, and its text can be read"
            loaded = _Loaded(built, files, ruleset)
            self._by_node |= dict.fromkeys(built.node_class.members, loaded)
            assert not unread
        return self._by_node[node]

    # Security groups.

    @cached_property
    def _groups(self) -> tuple[list[tuple[Cloud, object]], Inventory]:
        """The clouds that are asked, each with its ruleset as its text says it."""
        cluster = self.pipeline.cluster
        assert cluster is not None
        if not self.clouds and not cluster.clouds:
            return [], {}
        chosen = {cloud.file: cloud for cloud in self.pipeline.chosen_clouds(self.clouds)}
        files, found = self.pipeline.security_groups(self.clouds)
        self.unsaid = [replace(one, severity=Severity.WARNING) for one in found]
        read = ((chosen[one.file], Source(one.file, one.text)) for one in files if one.file in chosen)
        return [(cloud, cloud.read(source)[0]) for cloud, source in read], inventory(cluster)

    def _grouped(self, passage: Passage) -> list[Grouped]:
        direction = _STOPS.get(passage.where)
        clouds, addresses = self._groups
        if direction is None or passage.interface == "lo":
            return []
        stop = Stop(passage.node, passage.interface, direction, passage.packet)
        found = []
        for cloud, ruleset in clouds:
            group, rule = cloud.admitting(ruleset, addresses, stop) or ("", "")
            found.append(Grouped(cloud.name, bool(group), group, rule))
        return found


def _ruled(decision: Decision, source: Source, home: str) -> Ruled:
    """The rule that decided; where a packet only passes the ends of chains, none did."""
    deciding = _deciding(decision)
    line = deciding.line if deciding is not None else 0
    way = tuple((step.rule.line, source.line(step.rule.line)) for step in decision.why if step.rule)
    admitted = decision.verdict is Verdict.ALLOW
    return Ruled(admitted, f"{home}/{source.name}", line, source.line(line) if line else "", way)


def _deciding(decision: Decision) -> Rule | None:
    """The last rule that is no jump; of a packet that is rejected, the one that sent it where all are."""
    steps = [(step.chain, step.rule) for step in decision.why if step.rule is not None]
    chain, last = next((one for one in reversed(steps) if not isinstance(one[1].target, _LEADING)), ("", None))
    if last is not None and isinstance(last.target, Reject):
        return next((rule for its, rule in reversed(steps) if its != chain), last)
    return last
