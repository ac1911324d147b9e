"""Resolves policy files for one cluster: names to addresses and ports, conditions to active statements."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from netpolicy.diagnostic import Diagnostic, error, notice
from netpolicy.dsl import syntax as s
from netpolicy.policy.cluster import Cluster
from netpolicy.policy.conditions import Conditions
from netpolicy.policy.judge import Judge, misused
from netpolicy.policy.model import Demand, Named, Policy, Selection, Statement
from netpolicy.policy.names import CLUSTER_NETWORKS, Names, collect, undeclared
from netpolicy.policy.params import Params, options, value_text
from netpolicy.policy.selectors import Selectors
from netpolicy.policy.services import Services, keys_text, what_text

ID_DIGITS = 8


@dataclass(slots=True)
class _Resolving:
    names: Names
    selectors: Selectors
    services: Services
    conditions: Conditions
    judge: Judge
    day: date
    omit_expired: bool
    statements: list[Statement] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)
    found: list[Diagnostic] = field(default_factory=list)


def resolve(
    files: Sequence[s.PolicyFile], cluster: Cluster, day: date, *, omit_expired: bool = False
) -> tuple[Policy, list[Diagnostic]]:
    """The policy in this cluster on this day (UTC, inclusive). With an error among the findings it must not be used."""
    names, found = collect(files)
    params = Params(names, files, cluster)
    selectors, services = Selectors(names, cluster), Services(names, params)
    egress, refuse, option_errors = options(files)
    judge = Judge(selectors, services, egress)
    resolving = _Resolving(names, selectors, services, Conditions(params, selectors), judge, day, omit_expired)
    for file in files:
        _statements(resolving, file.statements, active=True)
    services.check_all()
    _unused_declarations(resolving)
    found += undeclared(names, cluster)
    found += option_errors + resolving.found + judge.found + params.found + selectors.found + services.found
    main = next((one for file in reversed(files) for one in file.statements if isinstance(one, s.PolicyName)), None)
    statements, repeated = _in_order(resolving.statements)
    policy = Policy(
        name=main.name.text if main else cluster.policy,
        description=main.description if main else "",
        cluster=cluster,
        statements=statements,
        demands=tuple(resolving.demands),
        egress=egress,
        refuse=refuse,
        roles=_declared(resolving, s.DeclarationKind.ROLE),
        labels=_declared(resolving, s.DeclarationKind.LABEL),
        networks=_declared(resolving, s.DeclarationKind.NETWORK),
        params=tuple(sorted((name, value_text(value)) for name, value in params.values.items())),
        nodes=selectors.nodes,
        repeated=repeated,
    )
    return policy, found


def may_follow(found: Diagnostic) -> bool:
    """True for a finding that may only follow from a part of the cluster file that could not be read."""
    about_nodes = found.message.startswith(("unknown node", "no node"))
    return about_nodes or found.code in ("NP125", "NP126", "NP127", "NP129", "NP130", "NP302")


def _in_order(statements: Iterable[Statement]) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
    """Sorted by meaning, of equal statements (a repeated allow) the first; then the others, as they come."""
    unique: dict[tuple[str, str], Statement] = {}
    repeated = [one for one in statements if unique.setdefault((one.id, one.text), one) is not one]
    return tuple(unique[key] for key in sorted(unique)), tuple(repeated)


def _declared(resolving: _Resolving, kind: s.DeclarationKind) -> tuple[Named, ...]:
    addresses = resolving.selectors.named
    declared = [(one.name.text, one.description) for one in resolving.names.of_kind(kind)]
    declared += CLUSTER_NETWORKS.items() if kind is s.DeclarationKind.NETWORK else ()
    return tuple(Named(name, description, addresses(name, None)) for name, description in declared)


def _unused_declarations(resolving: _Resolving) -> None:
    """Evaluates groups and aliases that no statement uses, so that their errors are told too."""
    for declared in resolving.names.selectors.values():
        if isinstance(declared, s.Group):
            resolving.selectors.named(declared.name.text, declared.name.span)
    for alias in resolving.names.aliases.values():
        resolving.selectors.named(alias.target.text, alias.target.span)


def _statements(resolving: _Resolving, statements: Sequence[s.Statement], *, active: bool) -> None:
    """Adds the active statements; inactive ones are checked for names only."""
    for statement in statements:
        match statement:
            case s.When():
                holds = resolving.conditions.holds(statement.condition)
                _statements(resolving, statement.statements, active=active and holds is True)
            case s.Flow():
                _flow(resolving, statement, active)
            case s.HalfFlow():
                for selector in statement.selectors:
                    resolving.selectors.selection(selector)
                if statement.what is not None:
                    resolving.services.ports(statement.what)
            case s.Requirement():
                _requirement(resolving, statement, active)
            case _:
                pass


def _requirement(resolving: _Resolving, one: s.Requirement, active: bool) -> None:
    selector = resolving.selectors.selection(one.selector)
    other = resolving.selectors.selection(one.other) if one.other is not None else None
    if active:
        demand = Demand(one.binding, one.kind, selector, one.number, other, one.attributes, one.span)
        resolving.demands.append(demand)


def _flow(resolving: _Resolving, flow: s.Flow, active: bool) -> None:
    who, whom = resolving.selectors.selection(flow.who), resolving.selectors.selection(flow.whom)
    ports, forwarded = resolving.services.ports(flow.what)
    problems = misused(flow)
    resolving.found += problems
    if problems or not active or _is_expired(resolving, flow):
        return
    identity = _identity(flow, who, whom, keys_text(ports) + "/" + keys_text(forwarded))
    resolving.judge.interfaces(flow)
    for source, destination in _directions(flow, who, whom):
        statement = Statement(
            id=identity,
            verb=flow.verb,
            who=source,
            whom=destination,
            ports=ports,
            forwarded=forwarded,
            what=what_text(flow.what),
            attributes=flow.attributes,
            to_self=isinstance(flow.whom, s.Standard) and flow.whom.which is s.Builtin.SELF,
            span=flow.span,
        )
        resolving.judge.statement(flow, statement)
        resolving.statements.append(statement)


def _directions(flow: s.Flow, who: Selection, whom: Selection) -> list[tuple[Selection, Selection]]:
    both = flow.both_ways and who.text != whom.text
    return [(who, whom), (whom, who)] if both else [(who, whom)]


def _identity(flow: s.Flow, who: Selection, whom: Selection, keys: str) -> str:
    """A hash of names, direction and ports: the same wherever the statement stands."""
    sides = sorted((who.text, whom.text)) if flow.both_ways else [who.text, whom.text]
    arrow = "<->" if flow.both_ways else "->"
    meaning = f"{flow.verb.value} {sides[0]} {arrow} {sides[1]} : {keys} log={flow.attributes.log}"
    return hashlib.sha256(meaning.encode()).hexdigest()[:ID_DIGITS]


def _is_expired(resolving: _Resolving, flow: s.Flow) -> bool:
    """True for an expired allow that is left out; one that is not is an error."""
    expires = flow.attributes.expires
    if expires is None or expires >= resolving.day:
        return False
    place = flow.attributes.expires_span or flow.span
    message = f"this allow expired on {expires}"
    if resolving.omit_expired:
        told = notice("NP501", f"{message} and is left out", place, hint="remove it, or renew the date")
    else:
        hint = "renew the date, remove the statement, or compile with --omit-expired"
        told = error("NP501", message, place, hint=hint)
    resolving.found.append(told)
    return resolving.omit_expired
