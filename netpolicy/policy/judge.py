"""Judges flow statements: selectors that cannot stand where they stand, empty sides, denies that cannot be kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netpolicy.diagnostic import Diagnostic, did_you_mean, error, notice, warning
from netpolicy.dsl import syntax as s
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.packet.ports import NO_PORT
from netpolicy.policy.model import Egress, Selection, Statement
from netpolicy.policy.names import CLUSTER_NETWORKS
from netpolicy.policy.selectors import Selectors, parts
from netpolicy.policy.services import Services


def misused(flow: s.Flow) -> list[Diagnostic]:
    """Selectors that cannot stand where they stand, whatever the cluster."""
    return list(dict.fromkeys([*_misused_in_whom(flow), *_misused_in_who(flow), *_misused_addresses(flow)]))


def _is(part: s.Selector, which: s.Builtin) -> bool:
    return isinstance(part, s.Standard) and part.which is which


def _misused_in_whom(flow: s.Flow) -> Iterator[Diagnostic]:
    for part in parts(flow.whom):
        if _is(part, s.Builtin.WORLD) and flow.verb is s.Verb.ALLOW:
            hint = "write `all` (the nodes), `outside`, or both: `all, outside`"
            yield error("NP128", "`world` cannot be the whom of an allow", part.span, hint=hint)
        whole = part is flow.whom and flow.verb is s.Verb.ALLOW and not flow.both_ways
        if _is(part, s.Builtin.SELF) and not whole:
            hint = "a node always reaches itself over loopback"
            yield error("NP128", "`self` stands only as the whole whom of an `allow`", part.span, hint=hint)


def _misused_in_who(flow: s.Flow) -> Iterator[Diagnostic]:
    for part in parts(flow.who):
        if _is(part, s.Builtin.SELF):
            hint = "a node always reaches itself over loopback"
            yield error("NP128", "`self` cannot be the who", part.span, hint=hint)
        if _is(part, s.Builtin.WORLD) and flow.verb is s.Verb.ALLOW and flow.both_ways:
            message = "`world` cannot be the whom of an allow, and `<->` makes it one"
            yield error("NP128", message, part.span, hint="use `->`")


def _misused_addresses(flow: s.Flow) -> Iterator[Diagnostic]:
    """`@ADDRESS` stands in a whom alone, by itself or in a list."""
    for part in (*parts(flow.who), *(parts(flow.whom) if flow.both_ways else ())):
        if isinstance(part, s.AtAddress):
            message = "`@ADDRESS` is what nodes receive; it cannot be a who"
            yield error("NP128", message, part.span, hint="name the source by role, network or address")
    allowed = {id(flow.whom)} | {id(part) for part in (flow.whom.parts if isinstance(flow.whom, s.AnyOf) else ())}
    for part in parts(flow.whom):
        if isinstance(part, s.AtAddress) and id(part) not in allowed:
            message = "`@ADDRESS` cannot be combined with `&`, `except` or another `@`"
            yield error("NP128", message, part.span, hint="list it with `,`")


class Judge:
    """Judges active flow statements in one cluster; `found` is what is wrong with them."""

    def __init__(self, selectors: Selectors, services: Services, egress: Egress) -> None:
        self.selectors = selectors
        self.services = services
        self.egress = egress
        self.found: list[Diagnostic] = []
        self._idle: dict[str, tuple[int, int]] = {}

    def interfaces(self, flow: s.Flow) -> None:
        """Reports interfaces that no node has: a misspelt one would silently deny nothing."""
        known = self.selectors.interfaces
        for part in (*parts(flow.who), *parts(flow.whom)):
            if isinstance(part, s.OnInterface) and part.interface not in known:
                hint = did_you_mean(part.interface, known) or f"the nodes have {', '.join(sorted(known))}"
                message = f"no node has an interface `{part.interface}`"
                self.found.append(error("NP112", message, part.interface_span, hint=hint))

    def statement(self, flow: s.Flow, statement: Statement) -> None:
        """Reports empty sides, and a deny that cannot be kept."""
        if self._empty_network(flow):
            return
        for side, selection in ((flow.who, statement.who), (flow.whom, statement.whom)):
            empty = not selection and not statement.to_self and side.span == selection.span
            if empty and self.selectors.sound(side):
                self._tell_empty(flow, selection)
        one_sided = flow.verb is s.Verb.DENY and self._deny(flow, statement)
        if statement.who and statement.whom and not one_sided and not _shared_families(statement):
            self.found.append(_apart(flow))
        told = self.services.found or self.services.params.found or self.services.names.broken
        if statement.ports == NO_PORT and not told:
            hint = "give it a service"
            self.found.append(error("NP127", "this statement has no port at all", flow.what.span, hint=hint))

    def _tell_empty(self, flow: s.Flow, selection: Selection) -> None:
        """Reports an empty side. Of allows a selector is told once: a role that nobody holds may stand in many."""
        told = _empty(flow, selection)
        if flow.verb is not s.Verb.ALLOW:
            self.found.append(told)
        elif selection.text in self._idle:
            place, more = self._idle[selection.text]
            self._idle[selection.text] = (place, more + 1)
            others = "one more allow" if not more else f"{more + 1} more allows"
            note = f"the same is true of {others}"
            self.found[place] = replace(self.found[place], notes=(note,))
        else:
            self._idle[selection.text] = (len(self.found), 0)
            self.found.append(told)

    def _empty_network(self, flow: s.Flow) -> bool:
        """True when a network without addresses is the lone who or whom, which is reported."""
        for side in (flow.who, flow.whom):
            if not isinstance(side, s.Named) or not self.selectors.names.is_network(side.name):
                continue
            if not self.selectors.named(side.name, side.span):
                message = f"network `{side.name}` has no address in this cluster"
                own = side.name in CLUSTER_NETWORKS
                written = f"{side.name}: …" if own else f"networks: {{{side.name}: [...]}}"
                hint = f"give it in the cluster (`{written}`), or put the statement under `when exists {side.name}`"
                self.found.append(error("NP127", message, side.span, hint=hint))
                return True
        return False

    def _deny(self, flow: s.Flow, statement: Statement) -> bool:
        """Reports a deny that cannot be kept; True when it is of one family, and its whom has the other."""
        nodes = self.selectors.nodes
        if self.egress is Egress.OPEN and statement.whom.addresses - nodes:
            message = f"egress is open, so nothing stops flows to `{statement.whom.text}`"
            way = "use `->`" if flow.both_ways else "name only nodes as whom"
            hint = f"{way}, or write `option egress = enforced`"
            self.found.append(error("NP129", message, statement.whom.span, hint=hint))
        who, whom = statement.who.addresses, statement.whom.addresses & nodes
        families = [family for family in FAMILIES if who.of(family)]
        if len(families) != 1 or nodes.covers(who) or flow.attributes.because:
            return False
        others = set(whom.families()) - set(families)
        for other in others:
            message = f"this deny covers IPv{families[0].value} only, and the whom has IPv{other.value} addresses"
            hint = f"add the IPv{other.value} addresses of the same peers, or say `because` it is meant so"
            self.found.append(error("NP130", message, statement.who.span, hint=hint))
        return bool(others)


def _shared_families(statement: Statement) -> set[Family]:
    """The families in which some packet can be of the statement."""
    whom = {*statement.whom.addresses.families(), *(one.family for one in statement.whom.virtual if one.nodes)}
    return whom & set(statement.who.addresses.families()) & {*statement.ports.families(), *_families_of_none(statement)}


def _families_of_none(statement: Statement) -> tuple[Family, ...]:
    """Both families where a statement has no port at all, which is told by itself."""
    return FAMILIES if statement.ports == NO_PORT else ()


def _apart(flow: s.Flow) -> Diagnostic:
    message = "who, whom and what share no family in this cluster"
    hint = "give both sides an address of one family, or put it under a `when`"
    if flow.verb is s.Verb.ALLOW:
        return notice("NP302", f"{message}: this allows nothing", flow.span, hint=hint)
    return warning("NP302", f"{message}: this `{flow.verb.value}` proves nothing here", flow.span, hint=hint)


def _empty(flow: s.Flow, selection: Selection) -> Diagnostic:
    message = f"`{selection.text}` selects nothing in this cluster"
    if flow.verb is s.Verb.ALLOW:
        hint = "fine when the cluster has no such node; else check the roles of its nodes"
        return notice("NP302", f"{message}: this allows nothing", selection.span, hint=hint)
    hint = "check the roles of the cluster's nodes, or put it under a `when`"
    return warning("NP302", f"{message}: this `{flow.verb.value}` proves nothing here", selection.span, hint=hint)
