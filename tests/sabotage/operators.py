"""Ways to break a piece of syntax: each yields what may stand in the place of a node, or nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Break = Iterator[ast.AST]
"""Nodes that may stand there instead."""

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
_SIDES = ("sources/destinations", "SOURCE/DESTINATION", "who/whom", "source/destination", "head/tail")
_FAMILIES = ("v4/v6", "V4/V6")
_OPPOSITES = (
    *("min/max", "any/all", "union/intersection", "covers/overlaps", "first/last"),
    *("ALLOW/DENY", "TCP/UDP", "Return/Drop", "Jump/Goto", "startswith/endswith"),
)
_DROPPED = (ast.Expr, ast.AugAssign, ast.Raise, ast.For, ast.While, ast.If, ast.Return)
_IN_ANY_ORDER = ("min", "max", "union", "intersection", "overlaps", "_meet", "isinstance")
"""Calls that mean the same with their arguments changed, which the laws of sets prove; or no program."""
_WORD = re.compile(r"\S+")


def drop(node: ast.AST) -> Break:
    """The statement is not there."""
    stored = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute | ast.Subscript)
    if stored or (isinstance(node, _DROPPED) and not (isinstance(node, ast.Return) and node.value)):
        yield ast.Pass()


def comparison(node: ast.AST) -> Break:
    """The next comparison: with its end or without, equal or not, in or not."""
    if isinstance(node, ast.Compare):
        for at, operation in enumerate(node.ops):
            ops = [*node.ops[:at], _COMPARED[type(operation)](), *node.ops[at + 1 :]]
            yield ast.Compare(node.left, ops, node.comparators)


def logic(node: ast.AST) -> Break:
    """`and` for `or`, or one of the operands less."""
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        for at in range(len(node.values)):
            left = [*node.values[:at], *node.values[at + 1 :]]
            yield ast.BoolOp(node.op, left) if len(left) > 1 else left[0]


def condition(node: ast.AST) -> Break:
    """The condition says the opposite; one of a comprehension is not asked."""
    match node:
        case ast.If(test=test):
            yield ast.If(_not(test), node.body, node.orelse)
        case ast.While(test=test):
            yield ast.While(_not(test), node.body, node.orelse)
        case ast.IfExp(test=test):
            yield ast.IfExp(_not(test), node.body, node.orelse)
        case ast.comprehension(ifs=ifs):
            for at in range(len(ifs)):
                yield ast.comprehension(node.target, node.iter, [*ifs[:at], *ifs[at + 1 :]], node.is_async)
        case ast.match_case(guard=ast.expr() as guard):
            yield ast.match_case(node.pattern, _not(guard), node.body)
            yield ast.match_case(node.pattern, None, node.body)
        case _:
            return


def negation(node: ast.AST) -> Break:
    """`not` is left out."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert | ast.USub):
        yield node.operand


def number(node: ast.AST) -> Break:
    """One more, and one less; yes for no."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)


def calculation(node: ast.AST) -> Break:
    """The opposite operation."""
    if isinstance(node, ast.BinOp) and type(node.op) in _CALCULATED:
        yield ast.BinOp(node.left, _CALCULATED[type(node.op)](), node.right)


def arguments(node: ast.AST) -> Break:
    """The two arguments, or the two members of a pair, change places."""
    if isinstance(node, ast.Call) and len(node.args) == 2 and not _starred(node.args):
        if ast.unparse(node.func).split(".")[-1] in _IN_ANY_ORDER:
            return
        yield ast.Call(node.func, node.args[::-1], node.keywords)
    elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and not _starred(node.elts):
        if ast.dump(node.elts[0]) == ast.dump(node.elts[1]):
            return
        yield ast.Tuple(node.elts[::-1], node.ctx)


def keyword(node: ast.AST) -> Break:
    """An argument given by its name is left out."""
    if isinstance(node, ast.Call):
        for at, one in enumerate(node.keywords):
            if one.arg == "strict":
                continue  # an order to Python, and no meaning
            yield ast.Call(node.func, node.args, [*node.keywords[:at], *node.keywords[at + 1 :]])


def side(node: ast.AST) -> Break:
    """Source for destination."""
    yield from _renamed(node, _SIDES)


def family(node: ast.AST) -> Break:
    """IPv4 for IPv6."""
    yield from _renamed(node, _FAMILIES)


def opposite(node: ast.AST) -> Break:
    """The name that stands for the contrary."""
    yield from _renamed(node, _OPPOSITES)


def element(node: ast.AST) -> Break:
    """One member of a collection less."""
    match node:
        case ast.Tuple(elts=elts, ctx=ast.Load()):
            yield from (ast.Tuple(_without(elts, at), node.ctx) for at in range(len(elts)))
        case ast.List(elts=elts, ctx=ast.Load()):
            yield from (ast.List(_without(elts, at), node.ctx) for at in range(len(elts)))
        case ast.Set(elts=elts) if len(elts) > 1:
            yield from (ast.Set(_without(elts, at)) for at in range(len(elts)))
        case ast.Dict(keys=keys, values=values):
            yield from (ast.Dict(_without(keys, at), _without(values, at)) for at in range(len(keys)))
        case _:
            return


def bound(node: ast.AST) -> Break:
    """A slice goes to the end, or begins at the beginning."""
    if isinstance(node, ast.Slice):
        if node.lower:
            yield ast.Slice(None, node.upper, node.step)
        if node.upper:
            yield ast.Slice(node.lower, None, node.step)
        if node.step:
            yield ast.Slice(node.lower, node.upper, None)


def loop(node: ast.AST) -> Break:
    """`continue` for `break`."""
    if isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.Break):
        yield ast.Continue()


def word(node: ast.AST) -> Break:
    """Another word; a piece of a text less."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _WORD.fullmatch(node.value):
        yield ast.Constant(f"{node.value}x")
        yield ast.Constant("")
    elif isinstance(node, ast.JoinedStr):
        for at in range(len(node.values)):
            yield ast.JoinedStr(_without(node.values, at))


def case(node: ast.AST) -> Break:
    """One case of a match less."""
    if isinstance(node, ast.Match) and len(node.cases) > 1:
        for at, one in enumerate(node.cases):
            if not (isinstance(one.pattern, ast.MatchAs) and one.pattern.pattern is None):
                yield ast.Match(node.subject, _without(node.cases, at))


def nothing(node: ast.AST, returns: str) -> Break:
    """The function gives nothing back, or the opposite, where it gives something."""
    if not isinstance(node, ast.Return) or node.value is None:
        return
    empty = _empty(returns)
    if returns == "bool":
        yield ast.Return(_not(node.value))
    elif empty is not None and ast.dump(ast.parse(empty, mode="eval").body) != ast.dump(node.value):
        yield ast.Return(ast.parse(empty, mode="eval").body)


OPERATORS: tuple[Callable[[ast.AST], Break], ...] = (
    *(drop, comparison, logic, condition, negation, number, calculation, arguments, keyword, side, family, opposite),
    *(element, bound, loop, word, case),
)


def _empty(returns: str) -> str | None:
    """What stands for nothing in a type, as text."""
    if returns.endswith("| None"):
        return "None"
    for names, text in (
        (("tuple", "Intervals", "Cells", "Points"), "()"),
        (("list", "Alternatives", "Iterator", "Iterable"), "[]"),
        (("set",), "set()"),
        (("frozenset",), "frozenset()"),
        (("dict",), "{}"),
        (("int",), "0"),
        (("str",), "''"),
        (("AddressSet", "PortSet", "FlowSet"), f"{returns}()"),
    ):
        if returns.partition("[")[0] in names:
            return text
    return None


def _not(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _without(nodes: Sequence[Any], at: int) -> list[Any]:
    return [*nodes[:at], *nodes[at + 1 :]]


def _starred(nodes: Sequence[ast.expr]) -> bool:
    return any(isinstance(node, ast.Starred) for node in nodes)


def _renamed(node: ast.AST, pairs: Sequence[str]) -> Break:
    other = {name: text for pair in pairs for name, text in _both(pair)}
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in other:
        yield ast.Attribute(node.value, other[node.attr], node.ctx)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in other:
        yield ast.Name(other[node.id], node.ctx)


def _both(pair: str) -> tuple[tuple[str, str], tuple[str, str]]:
    one, other = pair.split("/")
    return (one, other), (other, one)
