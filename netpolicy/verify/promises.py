"""Judges `never` and `expect` on the plan; a broken promise comes with a witness and whom to blame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from netpolicy.diagnostic import Diagnostic, Label, error
from netpolicy.dsl.syntax import Verb
from netpolicy.flow.model import Effect, Flow, Plan
from netpolicy.packet.addresses import AddressSet, Family, address_text
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.packets import Packet
from netpolicy.packet.ports import PORTED, VALUE_BITS, VALUE_LAST, Protocol
from netpolicy.policy.cluster import Address, Node
from netpolicy.policy.contents import demand_entry
from netpolicy.policy.model import Demand, Egress, Policy, Statement, Virtual
from netpolicy.policy.selectors import address_set
from netpolicy.verify.demands import judge_demand

_NAMES = {int(number): number.name.lower() for number in Protocol}


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that is broken, and the finding that says so; `witness` is a packet in words, empty for a demand."""

    promise: Statement | Demand
    witness: str
    finding: Diagnostic

    @property
    def key(self) -> tuple[str, str]:
        """Equal for promises that mean the same: verb, and id or text."""
        if isinstance(self.promise, Statement):
            return self.promise.verb.value, self.promise.id
        return demand_entry(self.promise).key


def judge_promises(policy: Policy, plans: Sequence[Plan]) -> list[Diagnostic]:
    """A diagnostic for each promise that the cluster, or a packet of the plan, breaks."""
    return [one.finding for one in breaches(policy, plans)]


def breaches(policy: Policy, plans: Sequence[Plan]) -> list[Breach]:
    """The promises that the cluster, or a packet of the plan, breaks."""
    return judged_demands(policy, policy.demands) + judged(policy, plans, policy.of(Verb.NEVER, Verb.EXPECT))


def judged_demands(policy: Policy, demands: Sequence[Demand]) -> list[Breach]:
    """Those of the demands, which need not be the policy's own, that do not hold in its cluster."""
    return [Breach(demand, "", one) for demand in demands for one in judge_demand(policy, demand)]


def judged(policy: Policy, plans: Sequence[Plan], promises: Sequence[Statement]) -> list[Breach]:
    """Those of the promises, which need not be the policy's own, that a packet of the plan breaks."""
    if not promises:
        return []
    judge = _Judge(policy, plans)
    return [one for promise in promises for one in judge.judge(promise)]


@dataclass(frozen=True, slots=True)
class _View:
    """The packets of a promise that some flows of a plan judge."""

    wanted: FlowSet
    flows: tuple[Flow, ...]


class _Judge:
    def __init__(self, policy: Policy, plans: Sequence[Plan]) -> None:
        self.policy = policy
        self.plans = plans
        by_name = {node.name: node for node in policy.cluster.nodes}
        self.members = [[by_name[name] for name in plan.node_class.members] for plan in plans]
        self.addresses = [_addresses_of(nodes) for nodes in self.members]
        self._meets: dict[tuple[int, int, int], bool] = {}

    @cached_property
    def node_of(self) -> dict[Address, Node]:
        return {address: node for node in self.policy.cluster.nodes for address in node.addresses}

    def judge(self, promise: Statement) -> Iterable[Breach]:
        """At most one breach a promise: the first witness."""
        never = promise.verb is Verb.NEVER
        for view in self._views(promise):
            passing = _passing(view.wanted, [flow for flow in view.flows if self._meet(promise, flow)])
            witness = self.witness(passing if never else view.wanted - passing)
            if witness is not None:
                yield Breach(promise, self.words(witness), self._broken(promise, witness, view.flows))
                return
        if never and self.policy.egress is Egress.OPEN:
            witness = self._leaving(promise, promise.who.addresses & self.policy.nodes).witness()
            if witness is not None:
                yield Breach(promise, self.words(witness), self._left_open(promise, witness))

    # What a promise is about.

    def _views(self, promise: Statement) -> Iterable[_View]:
        """The promise as each class of receivers judges it, and as senders do where egress is enforced."""
        for plan, members, here in zip(self.plans, self.members, self.addresses, strict=True):
            aimed = promise.whom.addresses & here
            if aimed:
                yield _View(FlowSet.box(promise.who.addresses, aimed, promise.ports), plan.inbound)
            yield from self._virtual(promise, plan, members)
            senders = promise.who.addresses & here
            if self.policy.egress is Egress.ENFORCED and senders:
                yield _View(self._leaving(promise, senders), plan.outbound)

    def _virtual(self, promise: Statement, plan: Plan, members: Sequence[Node]) -> Iterable[_View]:
        """What these nodes receive for addresses that no node declares."""
        never = promise.verb is Verb.NEVER
        for one in promise.whom.virtual:
            receivers = _receivers(one, members)
            if receivers:
                wanted = self._received(promise, receivers, _one(one))
                yield _View(wanted, plan.virtual)
                if never:  # a published port may pass, whatever address was asked for
                    yield _View(wanted, plan.forward)
        opened = AddressSet.union_all([flow.destinations for flow in plan.virtual]) & promise.whom.addresses
        if never and opened:
            yield _View(self._received(promise, members, opened), plan.virtual)

    def _received(self, promise: Statement, receivers: Sequence[Node], destinations: AddressSet) -> FlowSet:
        """What comes from others: a node reaches itself over loopback."""
        sources = promise.who.addresses - _addresses_of(receivers) if len(receivers) == 1 else promise.who.addresses
        return FlowSet.box(sources, destinations, promise.ports)

    def _leaving(self, promise: Statement, senders: AddressSet) -> FlowSet:
        """What goes to addresses of no node; it is the receivers who keep a `never` about what they receive."""
        strangers = FlowSet.box(senders, promise.whom.addresses - self.policy.nodes, promise.ports)
        if promise.verb is Verb.NEVER:
            return strangers
        everybody = self.policy.cluster.nodes
        received = [
            self._received(promise, receivers, _one(one)) & FlowSet.box(senders, _one(one), promise.ports)
            for one in promise.whom.virtual
            if (receivers := _receivers(one, everybody))
        ]
        return FlowSet.union_all([strangers, *received])

    def _meet(self, promise: Statement, flow: Flow) -> bool:
        """True when the flow may come from the who of the promise. Flows of many classes share their sources."""
        key = (id(promise), id(flow.sources.v4), id(flow.sources.v6))
        if key not in self._meets:
            self._meets[key] = flow.sources.overlaps(promise.who.addresses)
        return self._meets[key]

    # Who shows it.

    def witness(self, packets: FlowSet) -> Packet | None:
        """A packet of the set between two different nodes, or from or to an address of no node."""
        for family, sources, destinations, keys in packets.boxes():
            pair = self._different(family, sources, destinations)
            if pair is not None:
                key = keys[0][0]
                return Packet(family, *pair, protocol=key >> VALUE_BITS, port=key & VALUE_LAST)
        return None

    def _different(self, family: Family, sources: Intervals, destinations: Intervals) -> tuple[int, int] | None:
        first = (sources[0][0], destinations[0][0])
        for source, destination in (
            first,
            *((first[0], one) for one in _some(destinations)),
            *((one, first[1]) for one in _some(sources)),
        ):
            sender, receiver = self.node_of.get((family, source)), self.node_of.get((family, destination))
            if sender is None or sender is not receiver:
                return source, destination
        # All of them are addresses of one node, and a node reaches itself over loopback.
        return None

    def _blamed(self, effect: Effect, witness: Packet, flows: Sequence[Flow]) -> list[Label]:
        """The statements of that effect that speak of the witness, in order of place."""
        met = {name for flow in flows if flow.effect is effect and witness in _box(flow) for name in flow.statements}
        spans = [one.span for one in self.policy.statements if one.id in met and self._speaks(one, witness)]
        placed = sorted({(span.source.name, span.start): span for span in spans if span is not None}.items())
        return [Label(span, f"this {effect.value} does it") for _, span in placed]

    def _speaks(self, one: Statement, witness: Packet) -> bool:
        """True when the statement itself, not only a flow that it was merged into, holds the witness."""
        destination = (witness.family, witness.destination)
        return (
            (witness.family, witness.source) in one.who.addresses
            and (witness.family, witness.key) in one.ports
            and (destination in one.whom.addresses or destination not in self.policy.nodes)
        )

    # Words.

    def name(self, family: Family, address: int) -> str:
        """The address, behind the name of the node that declares it."""
        node = self.node_of.get((family, address))
        shown = address_text(family, address)
        return f"{node.name} ({shown})" if node else shown

    def words(self, packet: Packet) -> str:
        """`dea1 (10.0.0.1) -> mysql (10.0.0.9) : tcp 3306`."""
        source, destination = (self.name(packet.family, one) for one in (packet.source, packet.destination))
        return f"{source} -> {destination} : {_service(packet)}"

    def _broken(self, promise: Statement, witness: Packet, flows: Sequence[Flow]) -> Diagnostic:
        words = self.words(witness)
        if promise.verb is Verb.NEVER:
            return error(
                "NP301",
                f"this `never` is broken: {words} would pass",
                promise.span,
                *self._blamed(Effect.ALLOW, witness, flows),
                hint="narrow the allow, add a `deny`, or give up the promise",
            )
        blamed = self._blamed(Effect.DENY, witness, flows)
        hint = "narrow the deny, or give up the promise" if blamed else "no statement allows it: add an `allow`"
        message = f"this `expect` is broken: {words} would be blocked"
        return error("NP303", message, promise.span, *blamed, hint=hint)

    def _left_open(self, promise: Statement, witness: Packet) -> Diagnostic:
        return error(
            "NP301",
            f"this `never` is broken: {self.words(witness)} would pass, since egress is open",
            promise.span,
            hint="write `option egress = enforced`",
        )


def _addresses_of(nodes: Iterable[Node]) -> AddressSet:
    return address_set(address for node in nodes for address in node.addresses)


def _receivers(virtual: Virtual, nodes: Iterable[Node]) -> list[Node]:
    """Those of the nodes that receive for the virtual address."""
    return [node for node in nodes if any(address in virtual.nodes for address in node.addresses)]


def _one(virtual: Virtual) -> AddressSet:
    return address_set([(virtual.family, virtual.address)])


def _some(intervals: Intervals) -> Iterable[int]:
    """A few addresses of the set: enough to leave any one node that has fewer of them."""
    for first, last in intervals[:4096]:
        yield from range(first, min(last, first + 256) + 1)


def _passing(wanted: FlowSet, flows: Iterable[Flow]) -> FlowSet:
    """What the flows admit of it: deny beats allow. All flows of a side that is everything are the node's own."""
    met = [(flow.effect, packets) for flow in flows if (packets := _box(flow) & wanted)]
    allowed, denied = ([packets for its, packets in met if its is effect] for effect in (Effect.ALLOW, Effect.DENY))
    return FlowSet.union_all(allowed) - FlowSet.union_all(denied)


def _box(flow: Flow) -> FlowSet:
    return FlowSet.box(flow.sources, flow.destinations, flow.ports)


def _service(packet: Packet) -> str:
    """`tcp 22`, `icmp 8/0`, `esp`, `proto 89`."""
    name = _NAMES.get(packet.protocol, f"proto {packet.protocol}")
    if packet.protocol in PORTED:
        return f"{name} {packet.port}"
    if packet.protocol in (Protocol.ICMP, Protocol.ICMPV6):
        return f"{name} {packet.port >> 8}/{packet.port & 255}"
    return name
