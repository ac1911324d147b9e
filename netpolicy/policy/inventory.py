"""The output of `ansible-inventory --list` as the tree of a cluster file.

Host variables named `netpolicy_*` say what the keys of a cluster file say. The tree keeps their places, so what is
wrong with a value is told by those who read cluster files, where it stands in the inventory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from netpolicy.diagnostic import Diagnostic, Label, did_you_mean, error
from netpolicy.dsl.syntax import normal
from netpolicy.policy.facts import is_card, text_of
from netpolicy.policy.hostaddresses import ADDRESS, HOST, INTERFACES, HostAddresses
from netpolicy.policy.hostvars import HostValues
from netpolicy.policy.jsontree import compose_json
from netpolicy.policy.values import Entries, Values
from netpolicy.policy.yamltree import Branch, Mapping, Scalar, Sequence, member
from netpolicy.source import Source, Span

PREFIX = "netpolicy_"
NODE_KEYS = ("roles", "labels", "addresses_are", "hostname", "public_interface")
ROLES, POLICY, IGNORE = f"{PREFIX}roles", f"{PREFIX}policy", f"{PREFIX}ignore"
NODE_VARIABLES = (*(f"{PREFIX}{key}" for key in NODE_KEYS), ADDRESS, INTERFACES)
_CLUSTER_KEYS = ("policy", "cluster", "mbus", "networks", "params", "api_name", "load_balancer_routers", "clouds")
CLUSTER_VARIABLES = {f"{PREFIX}{key}": key for key in _CLUSTER_KEYS} | {f"{PREFIX}cluster_hostname": "hostname"}
VARIABLES = (*NODE_VARIABLES, *CLUSTER_VARIABLES, IGNORE)
_HOST_LEVEL = 3  # {"_meta": {"hostvars": {HOST: {VARIABLE: VALUE}}}}
_GROUP_PARTS = ("hosts", "children", "vars")
_OBJECT = re.compile(r"\ufeff?\s*\{")
_META = re.compile(r'"_meta"\s*:\s*\{')
_FIRST_LINE = re.compile(r"\ufeff?(?:[ \t]*(?:[#;][^\n]*)?\r?\n)*+(?P<line>[^\r\n]+)")
_SECTION = re.compile(r"\[[A-Za-z0-9_.-]+(:(vars|children|hosts))?\]\s*(#.*)?")
_LIST = "write it with `ansible-inventory -i INVENTORY --list`, without `--yaml` and `--export`"


def compose_inventory(source: Source) -> tuple[Mapping | None, list[Diagnostic]] | None:
    """The tree of the cluster that an inventory describes, and what is wrong with it; None for any other text.

    An inventory is a JSON object with `_meta: {hostvars: {...}}`; its other keys are groups.
    """
    if not is_inventory(source):
        return None
    tree, found = compose_json(source, _HOST_LEVEL, _wanted)
    if tree is None:
        return None, found
    hosts = member(member(tree, "_meta"), "hostvars")
    if not isinstance(tree, Mapping) or not isinstance(hosts, Mapping):
        return None
    return _Inventory(Values(source, found)).cluster(tree, hosts), found


def is_inventory(source: Source) -> bool:
    """Whether a text looks like an inventory."""
    return bool(_OBJECT.match(source.text) and _META.search(source.text))


def _wanted(variable: str, value: Any) -> bool:
    return normal(variable).startswith(PREFIX) or variable == HOST or is_card(variable, value)


def ini_form(source: Source) -> Diagnostic | None:
    """An error where a text is an inventory in INI: its first line that says something is a group in brackets."""
    first = _FIRST_LINE.match(source.text)
    if first is None or not _SECTION.fullmatch(first["line"]):
        return None
    place = Span(source, first.start("line"), first.end("line"))
    return error("NP220", "this is an inventory in INI, and is read in JSON alone", place, hint=_LIST)


def other_form(tree: Branch) -> Diagnostic | None:
    """An error where a tree is an inventory in YAML: whether group_vars and host_vars are in it cannot be seen.

    Variables alone are those of a group or of a single host.
    """
    if not isinstance(tree, Mapping) or member(tree, "nodes") is not None:
        return None
    for key, group in tree.entries:
        if normal(key.text).startswith(PREFIX):
            message = f"`{key.text}` is a variable of hosts, and no host is named here"
            return error("NP220", message, key.span, hint=_LIST)
        if isinstance(member(group, "hosts"), Mapping) or isinstance(member(group, "children"), Mapping):
            return error("NP220", "this is an inventory in YAML, and is read in JSON alone", key.span, hint=_LIST)
    return None


@dataclass(frozen=True, slots=True)
class _Held:
    """A value of the whole cluster, and the first host that has it."""

    host: str
    value: Branch


class _Inventory:
    def __init__(self, values: Values) -> None:
        self.values = values
        self.read = HostValues(values)
        self.addresses = HostAddresses(self.read)
        self.held: dict[str, _Held] = {}
        self.differing: set[str] = set()
        self.misspelt: set[str] = set()

    def cluster(self, tree: Mapping, hosts: Mapping) -> Mapping | None:
        """The tree of a cluster file; what an error was told of is left out. None for one of another form."""
        if self._exported(tree):
            return None
        self._groups(tree, {name.text for name, _ in hosts.entries})
        native: dict[str, Branch] = {}
        nodes = [node for name, variables in hosts.entries if (node := self._host(name, variables)) is not None]
        for variable, one in self.held.items():
            value = self.read.read(variable, one.value)
            if value is not None:
                native[CLUSTER_VARIABLES[variable]] = value
        top = Span(self.values.source, tree.span.start, tree.span.start)
        if nodes:
            native["nodes"] = Mapping(tuple(nodes), hosts.span)
        elif not self.values.found:
            self.values.fail("NP209", "the inventory has no host of the cluster", top, "a cluster needs at least one")
        if nodes and POLICY not in self.held and POLICY not in self.misspelt:
            hint = f"add it to `group_vars/all.yml`, such as `{POLICY}: als/seed.netpol`"
            self.values.fail("NP209", f"no host has `{POLICY}`", top, hint)
        return _tree(native, tree.span)

    def _exported(self, tree: Mapping) -> bool:
        """Tells of the first group whose variables reach no host; what hosts lack is no mistake of its own then."""
        for name, group in tree.entries:
            given = member(group, "vars")
            if name.text != "_meta" and isinstance(given, Mapping) and given.entries:
                message = f"group `{name.text}` has variables that are not given to its hosts"
                self.values.fail("NP220", message, name.span, _LIST)
                return True
        return False

    def _groups(self, tree: Mapping, known: set[str]) -> None:
        """Tells of what is no group, and of hosts that have no variables at all."""
        for name, group in tree.entries:
            if name.text == "_meta":
                continue
            if not isinstance(group, Mapping) or any(key.text not in _GROUP_PARTS for key, _ in group.entries):
                hint = f"a group has {', '.join(_GROUP_PARTS)}; what the cluster is stands in variables of its hosts"
                self.values.fail("NP220", f"`{name.text}` is no group of an inventory", name.span, hint)
                continue
            hosts = member(group, "hosts")
            for host in hosts.items if isinstance(hosts, Sequence) else ():
                if isinstance(host, Scalar) and host.text not in known:
                    known.add(host.text)
                    self._undecided(host)

    def _undecided(self, name: Scalar) -> None:
        hint = f"give it roles; `{ROLES}: []` for a node without one, `{IGNORE}: true` for a host outside the cluster"
        self.values.fail("NP221", f"host `{name.text}` has no `{ROLES}`", name.span, hint)

    def _host(self, name: Scalar, branch: Branch) -> tuple[Scalar, Branch] | None:
        """The entry of a node below `nodes`; None for a host that is no node, or cannot be one."""
        mapping = self.values.mapping(branch, f"host `{name.text}`")
        if mapping is None:
            return None
        told = self._variables(mapping)
        if told.read(IGNORE, self._ignored, False):
            return None
        for variable in CLUSTER_VARIABLES:
            if variable in told:
                self._hold(variable, _Held(name.text, told[variable]))
        if ROLES not in told and ROLES not in told.misspelt:
            self._undecided(name)
            return None
        if "[" in name.text:  # a range in a cluster file; Ansible has expanded its own
            self.values.fail(
                "NP205", f"`{name.text}` is no name of a node", name.span, "a DNS name: letters, digits and `-`"
            )
            return None
        native = self._native(name, told, {key.text: value for key, value in mapping.entries})
        return (name, _tree(native, mapping.span)) if native is not None else None

    def _variables(self, mapping: Mapping) -> Entries:
        """The `netpolicy_*` variables of a host; one that nobody knows is an error."""
        values: dict[str, Branch] = {}
        misspelt: set[str] = set()
        for key, value in mapping.entries:
            variable = normal(key.text)
            if variable in VARIABLES:
                if variable in values:
                    hint = "case does not matter, and `-` and `_` are alike; remove one"
                    self.values.fail("NP202", f"the variable `{key.text}` stands twice", key.span, hint)
                values[variable] = value
            elif variable.startswith(PREFIX):
                # Without the prefix: that alone would make all of them alike.
                near = did_you_mean(variable.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in VARIABLES])
                near = near.replace("`", f"`{PREFIX}", 1)
                misspelt |= {one for one in VARIABLES if f"`{one}`" in near}
                hint = near or f"known are {', '.join(VARIABLES)}"
                self.values.fail("NP208", f"unknown variable `{key.text}`", key.span, hint)
        self.misspelt |= misspelt
        return Entries(values, frozenset(misspelt))

    def _native(self, name: Scalar, told: Entries, variables: dict[str, Branch]) -> dict[str, Branch] | None:
        """The keys of a node; None where its addresses are not known, of which an error was told."""
        given = {variable: self.read.read(variable, told[variable]) for variable in NODE_VARIABLES if variable in told}
        right = {variable: value for variable, value in given.items() if value is not None}
        if (given.keys() - right.keys() | told.misspelt) & {ADDRESS, INTERFACES}:
            return None
        where = self.addresses.native(name, right, variables)
        if not where:
            return None
        return {key: right[PREFIX + key] for key in NODE_KEYS if PREFIX + key in right} | where

    def _ignored(self, branch: Branch) -> bool:
        said = text_of(branch)
        if said is not None and said.text.lower() in ("true", "false"):
            return said.text.lower() == "true"
        hint = "true for a host outside the cluster, false for a node"
        self.values.fail("NP203", f"`{IGNORE}` is neither true nor false", branch.span, hint)
        return True

    def _hold(self, variable: str, one: _Held) -> None:
        """Remembers a value of the whole cluster; another one on another host is an error, told once."""
        first = self.held.setdefault(variable, one)
        if variable in self.differing or _same(first.value, one.value):
            return
        self.differing.add(variable)
        places = (Label(one.value.span, f"on `{one.host}`"), Label(first.value.span, f"on `{first.host}`"))
        hint = "it belongs to the whole cluster; set it once, in `group_vars/all.yml`"
        self.values.found.append(error("NP224", f"hosts disagree about `{variable}`", *places, hint=hint))


def _tree(native: dict[str, Branch], span: Span) -> Mapping:
    return Mapping(tuple((Scalar(key, False, value.span), value) for key, value in native.items()), span)


def _same(one: Branch, other: Branch) -> bool:
    """True for equal texts, lists and mappings, wherever they stand."""
    match one, other:
        case Scalar(), Scalar():
            return one.text == other.text
        case Sequence(), Sequence():
            return len(one.items) == len(other.items) and all(map(_same, one.items, other.items))
        case Mapping(), Mapping():
            pairs = {key.text: value for key, value in other.entries}
            return len(pairs) == len(one.entries) and all(
                key.text in pairs and _same(value, pairs[key.text]) for key, value in one.entries
            )
    return False
