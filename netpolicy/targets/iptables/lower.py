"""Turns the plan of a class into an iptables ruleset.

The shape: built-in chain -> `NETPOLICY-IN|OUT|FWD` (stable, one jump) -> `NP-IN-<8 hex of its content>` and its parts.
RETURN admits (others may still deny), everything else ends in our DROP or REJECT. Parts are entered by `-g`, so that
their RETURN is final for us; each of them ends in a refusal.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.flow.model import Effect, Flow, Plan
from netpolicy.netfilter import BASELINE, DEFAULT, DHCP_PORTS, LINK_LOCAL, LONGEST_CHAIN, LONGEST_SET, OPEN_ICMP
from netpolicy.packet.addresses import FAMILIES, Family, networks
from netpolicy.packet.ports import Protocol
from netpolicy.policy.model import Egress, Refuse
from netpolicy.targets import Options
from netpolicy.targets.iptables.dispatch import Body, dispatch
from netpolicy.targets.iptables.matches import icmp, state, translated, wanted
from netpolicy.targets.iptables.normal import normal_table
from netpolicy.targets.iptables.render import table_text
from netpolicy.targets.iptables.rules import (
    Chain,
    Drop,
    Goto,
    Interface,
    Jump,
    Mark,
    Match,
    Network,
    OriginalDestination,
    PortIn,
    ProtocolIs,
    Reject,
    Return,
    Rule,
    Ruleset,
    Side,
    Table,
    Target,
)
from netpolicy.targets.iptables.sets import Alternatives, Sets

_SHORTER = "a class has too many statements; split the policy"
GENERATION = "00000000"  # stands in chain names until the content is known
HOOKS = {"INPUT": "IN", "FORWARD": "FWD", "OUTPUT": "OUT"}
ESTABLISHED = Rule((state("ESTABLISHED", "RELATED"),), Return(), BASELINE)
INVALID = Rule((state("INVALID"),), Drop(), BASELINE)  # what conntrack cannot place
_UNREACHABLE = {Family.V4: "icmp-port-unreachable", Family.V6: "icmp6-port-unreachable"}


def lower(plan: Plan, options: Options) -> tuple[Ruleset, list[Diagnostic]]:
    """The ruleset that the nodes of a class load; the same for all of them, byte for byte.

    With `inline_sets` a rule names the node's own addresses, so the plan must be of a single node.
    """
    sets = Sets(plan.nodes, inline=options.inline_sets)
    v4, v6 = (_Table(plan, family, sets).table() for family in FAMILIES)
    names = [*(chain.name for table in (v4, v6) for chain in table.chains if len(chain.name) > LONGEST_CHAIN)]
    names += [name for name in sets.lists if len(name) > LONGEST_SET]
    limits = [error("NP604", f"the name `{name}` is longer than the kernel keeps", hint=_SHORTER) for name in names]
    return Ruleset(v4, v6, tuple(sets.lists[name] for name in sorted(sets.lists))), limits


@dataclass(slots=True)
class _Table:
    plan: Plan
    family: Family
    sets: Sets
    chains: dict[str, list[Rule]] = field(default_factory=dict)

    def table(self) -> Table:
        """The filter table of one family, its generation chains named after their content."""
        for built_in, hook in HOOKS.items():
            self.chains[built_in] = [Rule((), Jump(f"NETPOLICY-{hook}"), BASELINE)]
            self.chains[f"NETPOLICY-{hook}"] = []
        self.enter("IN", self.inbound())
        self.enter("FWD", self.forward())
        if self.plan.egress is Egress.ENFORCED:
            self.enter("OUT", self.outbound())
        unnamed = self.built()
        return _named(unnamed, hashlib.sha256(table_text(unnamed).encode()).hexdigest())

    def built(self) -> Table:
        policies = dict.fromkeys(HOOKS, "ACCEPT")
        chains = (Chain(name, tuple(rules), policies.get(name, "")) for name, rules in self.chains.items())
        return normal_table(Table(self.family, tuple(chains)))

    def enter(self, hook: str, rules: list[Rule]) -> None:
        self.chains[_name(hook)] = rules
        self.chains[f"NETPOLICY-{hook}"] = [Rule((), Jump(_name(hook)), BASELINE)]

    # What every hook has.

    def open_icmp(self) -> list[Rule]:
        return [Rule(icmp(self.family, number, code), Return(), BASELINE) for number, code in OPEN_ICMP[self.family]]

    def dhcp(self, *, answers: bool) -> list[Rule]:
        """DHCP of a node whose address is leased: answers in, requests out."""
        if not self.plan.node_class.leased:
            return []
        server, client = DHCP_PORTS[self.family]
        source, destination = (server, client) if answers else (client, server)
        matches: tuple[Match, ...] = (
            ProtocolIs(Protocol.UDP),
            PortIn(Side.SOURCE, ((source, source),)),
            PortIn(Side.DESTINATION, ((destination, destination),)),
        )
        if self.family is Family.V6 and answers:
            matches = (*matches, Network(Side.SOURCE, *LINK_LOCAL))
        return [Rule(matches, Return(), BASELINE)]

    def refusal(self, hook: str) -> Target:
        """The target of every refusal: DROP, or a chain that rejects."""
        if self.plan.refuse is Refuse.DROP:
            return Drop()
        name = _name(hook, "refuse")
        self.chains[name] = [
            Rule((ProtocolIs(Protocol.TCP),), Reject("tcp-reset"), DEFAULT),
            Rule((), Reject(_UNREACHABLE[self.family]), DEFAULT),
        ]
        return Goto(name)

    def body(self, flows: tuple[Flow, ...], hook: str, part: str, *, silent: bool = False) -> list[Rule]:
        """The rules of some flows and the refusal of the rest; long lists go on in chains by protocol and port.

        `silent` never rejects: an answer for a multicast or virtual address would come from a node without it.
        """
        body = Body(self.family, Drop() if silent else self.refusal(hook), self.alternatives)
        rules, chains = dispatch(body, flows, lambda suffix: _name(hook, part + suffix))
        self.chains.update(chains)
        return rules

    def alternatives(self, flow: Flow) -> tuple[Alternatives, Alternatives]:
        """Ways to match the sources and the destinations of a flow."""
        sources = self.sets.match(Side.SOURCE, self.family, flow.sources.of(self.family), flow.head)
        destinations = self.sets.match(Side.DESTINATION, self.family, flow.destinations.of(self.family), flow.tail)
        return sources, destinations

    # The hooks.

    def inbound(self) -> list[Rule]:
        rules = [ESTABLISHED, _loopback(Side.SOURCE), INVALID, *self.open_icmp(), *self.dhcp(answers=True)]
        nodes = self.plan.nodes.of(self.family)
        virtual = tuple(flow for flow in self.plan.virtual if flow.sources.of(self.family))
        own = self.plan.node_class.own.of(self.family)
        if not own:  # nothing of this family is declared here: only virtual addresses can be open
            return [*rules, *self.body(virtual, "IN", "", silent=True)]
        if self.sets.inline:
            inside = self.body(self.plan.inbound, "IN", "node")
            self.chains[_name("IN", "node")] = inside
            entries = [
                Rule(way, Goto(_name("IN", "node")), DEFAULT)
                for way in self.sets.match(Side.DESTINATION, self.family, own, "")
            ]
            return [*rules, *entries, *self.body(virtual, "IN", "virtual", silent=True)]
        elsewhere = self.sets.outside(Side.DESTINATION, self.family, nodes, "nodes")
        if virtual:
            self.chains[_name("IN", "virtual")] = self.body(virtual, "IN", "virtual", silent=True)
        target: Target = Goto(_name("IN", "virtual")) if virtual else Drop()
        return [*rules, Rule(elsewhere, target, DEFAULT), *self.body(self.plan.inbound, "IN", "")]

    def forward(self) -> list[Rule]:
        """What came in by a declared interface and was sent on by DNAT; the rest is left alone, or judged as egress."""
        interfaces = self.plan.node_class.interfaces
        sent_on = _name("FWD", "dnat")
        rules = [Rule((Interface(Side.SOURCE, card), state("DNAT")), Goto(sent_on), DEFAULT) for card in interfaces]
        self.chains[sent_on] = [ESTABLISHED, INVALID, *self.translated_flows()]
        if self.plan.egress is Egress.ENFORCED:
            egress = _name("FWD", "egress")
            rules += [Rule((Interface(Side.DESTINATION, card),), Goto(egress), DEFAULT) for card in interfaces]
            self.chains[egress] = [ESTABLISHED, INVALID, Rule((), Goto(_name("OUT", "flows")), DEFAULT)]
        return rules

    def translated_flows(self) -> list[Rule]:
        """Flows by original destination and port. A container's port that no forwarded service admits is closed."""
        refusal = self.refusal("FWD")
        rules: list[Rule] = []
        for flow in self.plan.forward:
            destinations: Alternatives = [()]
            if (everywhere := flow.destinations.of(self.family)) != ((0, self.family.last),):
                destinations = [(OriginalDestination(*network),) for network in networks(self.family, everywhere)]
            target = Return() if flow.effect is Effect.ALLOW else refusal
            for source in self.sets.match(Side.SOURCE, self.family, flow.sources.of(self.family), flow.head):
                for destination in destinations:
                    for port in translated(flow.ports.of(self.family)):
                        rules += wanted(flow, (*source, *destination, *port), target)
        return [*rules, Rule((), refusal, DEFAULT)]

    def outbound(self) -> list[Rule]:
        rules = [ESTABLISHED, _loopback(Side.DESTINATION), INVALID, *self.open_icmp(), *self.dhcp(answers=False)]
        flows = _name("OUT", "flows")
        self.chains[flows] = self.body(self.plan.outbound, "OUT", "flows")
        own = self.plan.node_class.own.of(self.family)
        if not own:
            return [*rules, Rule((), self.refusal("OUT"), DEFAULT)]
        if self.sets.inline:
            entries = [Rule(way, Goto(flows), DEFAULT) for way in self.sets.match(Side.SOURCE, self.family, own, "")]
            return [*rules, *entries, Rule((), self.refusal("OUT"), DEFAULT)]
        stray = self.sets.outside(Side.SOURCE, self.family, self.plan.nodes.of(self.family), "nodes")
        return [*rules, Rule(stray, self.refusal("OUT"), DEFAULT), Rule((), Goto(flows), DEFAULT)]


def _loopback(side: Side) -> Rule:
    return Rule((Interface(side, "lo"),), Return(), BASELINE)


def _name(hook: str, part: str = "") -> str:
    return f"NP-{hook}-{GENERATION}" + (f"-{part.strip('-')}" if part.strip("-") else "")


def _named(table: Table, digest: str) -> Table:
    """The table with its generation in every chain name, and a rule that says its whole digest."""

    def named(text: str) -> str:
        return text.replace(GENERATION, digest[:8])

    def retargeted(rule: Rule) -> Rule:
        match rule.target:
            case Jump(chain):
                return replace(rule, target=Jump(named(chain)))
            case Goto(chain):
                return replace(rule, target=Goto(named(chain)))
            case _:
                return rule

    chains = []
    for chain in table.chains:  # their order does not change: the generation stands at the same place in all names
        rules = [retargeted(rule) for rule in chain.rules]
        if chain.name == _name("IN"):
            rules.insert(-1, Rule((), Mark(), f"np:ruleset {digest}"))
        chains.append(replace(chain, name=named(chain.name), rules=tuple(rules)))
    return replace(table, chains=tuple(chains))
