"""The names of a policy: one name space for selectors, one for services, one for params; redeclaring is an error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from netpolicy.diagnostic import Diagnostic, Label, did_you_mean, error
from netpolicy.dsl import syntax as s
from netpolicy.policy.cluster import Cluster
from netpolicy.source import Span

MBUS, LOAD_BALANCER_ROUTERS = "mbus", "load_balancer_routers"
CLUSTER_NETWORKS = {
    MBUS: "holds the MBUS address",
    LOAD_BALANCER_ROUTERS: "routers that the load balancer was told of",
}
"""Networks that a key of the cluster defines, by that key, each with its description."""
LONGEST_CHAIN = 50
"""Groups that may hold one another in a chain; services as well, and files that include one another."""


@dataclass(frozen=True, slots=True)
class Names:
    """What is declared, by name. `broken` names have declarations that could not be read: their uses are not blamed."""

    selectors: dict[str, s.Declaration | s.Group]
    aliases: dict[str, s.Alias]
    services: dict[str, s.Service]
    params: dict[str, s.Param]
    broken: frozenset[str]

    def of_kind(self, kind: s.DeclarationKind) -> list[s.Declaration]:
        """Declarations of one kind, in order of name."""
        declared = (one for _, one in sorted(self.selectors.items()))
        return [one for one in declared if isinstance(one, s.Declaration) and one.kind is kind]

    def is_network(self, name: str) -> bool:
        declared = self.selectors.get(name)
        return name in CLUSTER_NETWORKS or (
            isinstance(declared, s.Declaration) and declared.kind is s.DeclarationKind.NETWORK
        )


@dataclass(slots=True)
class _Collecting:
    found: list[Diagnostic] = field(default_factory=list)
    places: dict[tuple[str, str], Span] = field(default_factory=dict)

    def first(self, space: str, name: str, place: Span) -> bool:
        """True when the name is new in its name space; else the redeclaration is reported."""
        before = self.places.setdefault((space, name), place)
        if before is place:
            return True
        places = (Label(place), Label(before, "first here"))
        hint = "names are global over all included files; remove or rename one"
        self.found.append(error("NP120", f"`{name}` is declared twice", *places, hint=hint))
        return False

    def only_name(self, statement: s.PolicyName) -> None:
        """Reports a second name of one file; included files have names of their own."""
        before = self.places.setdefault(("policy", statement.span.source.name), statement.span)
        if before is not statement.span:
            places = (Label(statement.span), Label(before, "first here"))
            self.found.append(error("NP120", "the policy has a name already", *places, hint="keep one"))

    def is_free(self, name: s.Name) -> bool:
        """True when the name is free to declare; some networks are the cluster's."""
        if name.text not in CLUSTER_NETWORKS:
            return True
        hint = f"the cluster's `{name.text}:` key defines it; remove this"
        self.found.append(error("NP120", f"`{name.text}` is already a network", name.span, hint=hint))
        return False


def collect(files: Sequence[s.PolicyFile]) -> tuple[Names, list[Diagnostic]]:
    """All names that the files declare."""
    collecting = _Collecting()
    names = Names({}, {}, {}, {}, frozenset(name for file in files for name in file.broken))
    for statement in (one for file in files for one in file.statements):
        match statement:
            case s.PolicyName():
                collecting.only_name(statement)
            case s.Declaration(name=name):
                if collecting.is_free(name) and collecting.first("selector", name.text, name.span):
                    names.selectors[name.text] = statement
            case s.Group(name=name):
                if collecting.is_free(name) and collecting.first("selector", name.text, name.span):
                    names.selectors[name.text] = statement
            case s.Alias(text=quoted):
                if collecting.first("alias", quoted.text, quoted.span):
                    names.aliases[quoted.text] = statement
            case s.Service(name=name):
                if collecting.first("service", name.text, name.span):
                    names.services[name.text] = statement
            case s.Param(name=name):
                if collecting.first("param", name.text, name.span):
                    names.params[name.text] = statement
            case _:
                pass
    return names, collecting.found


# What the cluster says of its nodes has to be declared in the policy, too.


def undeclared(names: Names, cluster: Cluster) -> Iterator[Diagnostic]:
    """Roles, labels and networks that the cluster uses and the policy does not declare."""
    known = {kind: {one.name.text for one in names.of_kind(kind)} for kind in s.DeclarationKind}
    for kind, name in _used(cluster):
        if name.text in CLUSTER_NETWORKS and kind is s.DeclarationKind.NETWORK:
            hint = f"the cluster's `{name.text}:` key defines it; rename this one"
            yield error("NP120", f"`{name.text}` is already a network", name.span, hint=hint)
        elif name.text not in known[kind] and name.text not in names.broken:
            hint = _hint(names, name.text) or did_you_mean(name.text, known[kind])
            hint = hint or f"the policy has no `{kind.value} {name.text}`; declare it there"
            yield error("NP112", f"unknown {kind.value} `{name.text}`", name.span, hint=hint)


def _used(cluster: Cluster) -> Iterator[tuple[s.DeclarationKind, s.Name]]:
    seen: set[int] = set()
    for node in cluster.nodes:
        for kind, held in ((s.DeclarationKind.ROLE, node.roles), (s.DeclarationKind.LABEL, node.labels)):
            if id(held) not in seen:  # nodes of one range share their roles
                seen.add(id(held))
                yield from ((kind, name) for name in held)
    yield from ((s.DeclarationKind.NETWORK, network.name) for network in cluster.networks)


def _hint(names: Names, name: str) -> str:
    """Where a name belongs that is declared as something else; empty for one that is not declared."""
    other = names.selectors.get(name)
    if isinstance(other, s.Group):
        roles = ", ".join(member.name for member in other.members if isinstance(member, s.Named))
        return f"that is a group; name its roles: {roles}"
    if isinstance(other, s.Declaration):
        return f"that is a {other.kind.value}: it goes under `{other.kind.value}s:`"
    return ""
