"""Values of params (the cluster's, else `set`, else the default), and options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netpolicy.diagnostic import Diagnostic, Label, did_you_mean, error
from netpolicy.dsl import syntax as s
from netpolicy.policy.cluster import Cluster
from netpolicy.policy.model import Egress, Refuse
from netpolicy.policy.names import Names
from netpolicy.source import Span

_OPTIONS = {"egress": [one.value for one in Egress], "refuse": [one.value for one in Refuse]}


def kind_of(value: s.Value) -> str:
    """The type that a value shows."""
    return "flag" if value.flag is not None else "ports" if value.ports else "choice"


def declared_kind(param: s.Param) -> str:
    """The type of a param: as written, else that of its default."""
    if param.kind is not None:
        return param.kind.text
    assert param.value is not None
    return kind_of(param.value)


def value_text(value: s.Value) -> str:
    """A value as the language writes it."""
    if value.flag is not None:
        return "on" if value.flag else "off"
    if value.ports:
        return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in value.ports)
    return value.choices[0]


class Params:
    """The value of every param of a policy in one cluster."""

    def __init__(self, names: Names, files: Sequence[s.PolicyFile], cluster: Cluster) -> None:
        self.names = names
        self.found: list[Diagnostic] = []
        self.values: dict[str, s.Value] = {}
        given = {name.text: (name, value) for name, value in cluster.params}
        sets = self._sets(one for file in files for one in file.statements if isinstance(one, s.SetParam))
        for written, value in (*given.values(), *sets.values()):
            self._check(written, value)
        for name, param in names.params.items():
            chosen = given.get(name) or sets.get(name)
            if chosen is not None:
                self.values[name] = chosen[1]
            elif param.value is not None:
                self.values[name] = s.Value(choices=param.value.choices[:1]) if param.value.choices else param.value
            else:
                hint = f"give it in the cluster: `params: {{{name}: …}}`, or a default here"
                self.found.append(error("NP125", f"param `{name}` needs a value", param.name.span, hint=hint))

    def _sets(self, statements: Iterable[s.SetParam]) -> dict[str, tuple[s.Name, s.Value]]:
        sets: dict[str, tuple[s.Name, s.Value]] = {}
        for one in statements:
            before = sets.setdefault(one.name.text, (one.name, one.value))
            if before[1] != one.value:
                places = (Label(one.span), Label(before[0].span, "first here"))
                message = f"param `{one.name.text}` is set to two values"
                self.found.append(error("NP125", message, *places, hint="keep one; a cluster may override it"))
        return sets

    def _check(self, name: s.Name, value: s.Value) -> None:
        param = self.names.params.get(name.text)
        place = value.span or name.span
        if param is None:
            if name.text not in self.names.broken:
                hint = did_you_mean(name.text, self.names.params) or "declare it with `param`"
                self.found.append(error("NP112", f"unknown param `{name.text}`", name.span, hint=hint))
            return
        places = (Label(place), Label(param.name.span, "declared here"))
        wanted, shown = declared_kind(param), kind_of(value)
        if wanted != shown:
            message = f"param `{name.text}` takes {_wanted(wanted)}, not `{value_text(value)}`"
            self.found.append(error("NP115", message, *places, hint=_example(param, wanted)))
        elif wanted == "choice" and param.value is not None and value.choices[0] not in param.value.choices:
            hint = did_you_mean(value.choices[0], param.value.choices) or f"one of {', '.join(param.value.choices)}"
            message = f"`{value.choices[0]}` is no choice of param `{name.text}`"
            self.found.append(error("NP115", message, *places, hint=hint))
        elif len(value.choices) > 1:
            self.found.append(error("NP115", f"param `{name.text}` takes one choice", place, hint="write one of them"))

    def ports(self, name: str, place: Span) -> tuple[tuple[int, int], ...]:
        """The ports of a param that stands behind a protocol."""
        param = self.names.params.get(name)
        if param is None:
            if name not in self.names.broken:
                hint = did_you_mean(name, self.names.params) or f"declare it: `param {name} : ports`"
                self.found.append(error("NP112", f"unknown param `${name}`", place, hint=hint))
            return ()
        if declared_kind(param) != "ports":
            message = f"param `{name}` is a {declared_kind(param)}, not ports"
            self.found.append(error("NP115", message, place, hint="only ports may follow a protocol"))
            return ()
        value = self.values.get(name)
        return value.ports if value is not None else ()


def _wanted(kind: str) -> str:
    return {"flag": "on or off", "ports": "ports", "choice": "a choice"}.get(kind, kind)


def _example(param: s.Param, kind: str) -> str:
    if kind == "choice" and param.value is not None:
        return f"one of {', '.join(param.value.choices)}"
    if kind == "flag":
        return "true or false in the cluster, on or off in a policy"
    return "such as `22`, `35000-40000` or a list of these"


def options(files: Sequence[s.PolicyFile]) -> tuple[Egress, Refuse, list[Diagnostic]]:
    """The policy-wide choices; each option is given once at most."""
    chosen: dict[str, s.Option] = {}
    found: list[Diagnostic] = []
    for option in (one for file in files for one in file.statements if isinstance(one, s.Option)):
        name, value = option.name.text, option.value.text
        if name not in _OPTIONS:
            hint = did_you_mean(name, _OPTIONS) or f"the options are {', '.join(_OPTIONS)}"
            found.append(error("NP123", f"unknown option `{name}`", option.name.span, hint=hint))
        elif value not in _OPTIONS[name]:
            hint = did_you_mean(value, _OPTIONS[name]) or f"one of {', '.join(_OPTIONS[name])}"
            found.append(error("NP123", f"option `{name}` cannot be `{value}`", option.value.span, hint=hint))
        elif name in chosen:
            places = (Label(option.span), Label(chosen[name].span, "first here"))
            found.append(error("NP120", f"option `{name}` is given twice", *places, hint="keep one"))
        else:
            chosen[name] = option
    egress = Egress(chosen["egress"].value.text) if "egress" in chosen else Egress.OPEN
    refuse = Refuse(chosen["refuse"].value.text) if "refuse" in chosen else Refuse.DROP
    return egress, refuse, found
