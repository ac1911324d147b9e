"""Evaluates conditions over params and the cluster."""

from __future__ import annotations

import operator
from typing import assert_never

from netpolicy.diagnostic import did_you_mean, error
from netpolicy.dsl import syntax as s
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
            hint = "only flags and choices make conditions"
            if declared_kind(param) == "choice":
                hint = f"compare it: `{condition.param} == …`"
            self.params.found.append(error("NP115", f"param `{condition.param}` is no flag", condition.span, hint=hint))
            return None
        value = self.params.values.get(condition.param)
        return value.flag if value is not None else None

    def _compared(self, condition: s.Compared) -> bool | None:
        param = self._param(condition.param, condition.span)
        if param is None:
            return None
        value = self.params.values.get(condition.param)
        if declared_kind(param) == "flag" and condition.value in ("on", "off"):
            return ((value.flag is (condition.value == "on")) is condition.equal) if value is not None else None
        if declared_kind(param) != "choice" or param.value is None:
            flag = "write `on` or `off`" if condition.value in _TRUTH else "a flag is on or off"
            hint = flag if declared_kind(param) == "flag" else "only choices and flags can be compared"
            message = f"param `{condition.param}` is no choice"
            self.params.found.append(error("NP115", message, condition.span, hint=hint))
            return None
        if condition.value not in param.value.choices:
            hint = did_you_mean(condition.value, param.value.choices) or f"one of {', '.join(param.value.choices)}"
            message = f"`{condition.value}` is no choice of param `{condition.param}`"
            self.params.found.append(error("NP115", message, condition.span, hint=hint))
            return None
        return ((condition.value in value.choices[:1]) is condition.equal) if value is not None else None
