"""Evaluates conditions over params and the cluster."""

from __future__ import annotations

import operator
from typing import assert_never

from netpolicy.diagnostic import did_you_mean, error
from netpolicy.dsl import syntax as s
from netpolicy.packet.intervals import canonical
from netpolicy.policy.params import Params, declared_kind
from netpolicy.policy.selectors import Selectors
from netpolicy.source import Span

_OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_TRUTH = ("true", "false", "yes", "no", "set", "unset")


class Conditions:
    """Evaluates `when` conditions; what cannot be evaluated is reported and None."""

    def __init__(self, params: Params, selectors: Selectors) -> None:
        self.params = params
        self.selectors = selectors

    def holds(self, condition: s.Condition) -> bool | None:
        """True or false, or None when the condition is in error (its block is then only checked)."""
        match condition:
            case s.Broken():
                return None
            case s.IsSet():
                return self._flag(condition)
            case s.Compared():
                return self._compared(condition)
            case s.Exists():
                return bool(self.selectors.addresses(condition.selector))
            case s.Count():
                return bool(_OPERATORS[condition.operator](self.count(condition.selector), condition.number))
            case s.Negation():
                inner = self.holds(condition.condition)
                return None if inner is None else not inner
            case s.Both() | s.Either():
                values = [self.holds(part) for part in condition.parts]
                if None in values:
                    return None
                return all(values) if isinstance(condition, s.Both) else any(values)
            case _:
                assert_never(condition)

    def count(self, selector: s.Selector) -> int:
        """How many nodes have an address in the selector."""
        chosen = self.selectors.addresses(selector)
        return sum(any(address in chosen for address in node.addresses) for node in self.selectors.cluster.nodes)

    def _param(self, name: str, place: Span) -> s.Param | None:
        param = self.params.names.params.get(name)
        if param is None and name not in self.params.names.broken:
            known = self.params.names.params
            hint = did_you_mean(name, known)
            if name in self.params.names.selectors:
                hint = f"that is a role, group, label or network: write `exists {name}`"
            hint = hint or "declare it with `param`"
            self.params.found.append(error("NP112", f"unknown param `{name}`", place, hint=hint))
        return param

    def _flag(self, condition: s.IsSet) -> bool | None:
        param = self._param(condition.param, condition.span)
        if param is None:
            return None
        if declared_kind(param) != "flag":
            hint = f"compare it: `{condition.param} == …`"
            self.params.found.append(error("NP115", f"param `{condition.param}` is no flag", condition.span, hint=hint))
            return None
        value = self.params.values.get(condition.param)
        return value.flag if value is not None else None

    def _compared(self, condition: s.Compared) -> bool | None:
        param = self._param(condition.param, condition.span)
        if param is None:
            return None
        problem = _mismatch(param, condition.value)
        if problem is not None:
            message, hint = problem
            self.params.found.append(error("NP115", message, condition.span, hint=hint))
            return None
        value = self.params.values.get(condition.param)
        return _is(value, condition.value) is condition.equal if value is not None else None


def _mismatch(param: s.Param, compared: str) -> tuple[str, str] | None:
    """Why the param cannot be compared with that, and what to do; None where it can."""
    name, kind = param.name.text, declared_kind(param)
    choices = param.value.choices if param.value is not None else ()
    is_port = compared[0].isdigit()
    if kind == "flag":
        told = f"param `{name}` is a flag, not ports" if is_port else f"param `{name}` is no choice"
        hint = "write `on` or `off`" if compared in _TRUTH else "a flag is on or off"
        return None if compared in ("on", "off") else (told, hint)
    if kind == "ports":
        hint = f"compare it with a port or a range, such as `{name} == 35000-40000`"
        return None if is_port else (f"param `{name}` is no choice", hint)
    if is_port:
        return f"param `{name}` is a choice, not ports", f"one of {', '.join(choices)}"
    if compared not in choices:
        hint = did_you_mean(compared, choices) or f"one of {', '.join(choices)}"
        return f"`{compared}` is no choice of param `{name}`", hint
    return None


def _is(value: s.Value, compared: str) -> bool:
    """True when the value equals what a condition compares it with, of the same type; ports are equal as sets."""
    if value.flag is not None:
        return value.flag is (compared == "on")
    if value.ports:
        first, _, last = compared.partition("-")
        return canonical(value.ports) == ((int(first), int(last or first)),)
    return compared in value.choices[:1]
