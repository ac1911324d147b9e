"""Every mutant of a module: the same code with one place broken. Their order and their names are always the same."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from itertools import zip_longest
from types import CodeType
from typing import Any

from tests.sabotage.modules import source_path
from tests.sabotage.operators import OPERATORS, Break, nothing

_SHOWN = 60
_TOLD_TO_PEOPLE = ("error", "MisreadError", "_refuse", "ValueError", "did_you_mean")
"""What these are called with is text for people, judged by tests of messages."""
_NO_CODE = ("annotation", "returns", "decorator_list", "bases", "type_params", "type")
_TEXTS = ("hint", "text", "message")

Step = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class Key:
    """What tells a mutant from others even after lines were moved."""

    module: str
    function: str
    operator: str
    change: str
    """The statement, with `[before → after]` where it is broken."""

    def __str__(self) -> str:
        return f"{self.module} {self.function} {self.operator}\n    {self.change}"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module that is broken in one place."""

    key: Key
    line: int
    column: int
    nth: int
    """Counts the mutants of one operator at one place."""
    path: tuple[Step, ...] = field(repr=False)
    broken: ast.AST = field(repr=False, compare=False)

    @property
    def id(self) -> str:
        """`MODULE:LINE:COLUMN:OPERATOR`, and a number where there are several."""
        nth = f"{self.nth}" if self.nth else ""
        return f"{self.key.module}:{self.line}:{self.column}:{self.key.operator}{nth}"

    def code(self) -> CodeType:
        """The broken module, compiled."""
        tree = _tree(self.key.module)
        return _compiled(_replaced(tree, self.path, self.broken), str(source_path(self.key.module)))


@dataclass(frozen=True, slots=True)
class _Site:
    node: ast.AST
    path: tuple[Step, ...]
    statement: ast.stmt
    """The innermost statement around the node."""
    statement_path: tuple[Step, ...]
    function: str
    returns: str


@cache
def mutants(module: str) -> tuple[Mutant, ...]:
    """All mutants of a module whose code is other code than the module's own, in the order of the file."""
    return mutants_of(_tree(module), module)


def mutants_of(tree: ast.Module, module: str) -> tuple[Mutant, ...]:
    """All mutants of a tree."""
    found: list[Mutant] = []
    places: Counter[tuple[int, int, str]] = Counter()
    for site in _sites(tree):
        for operator, broken in _breaks(site):
            change = _change(site, broken)
            if change is None:
                continue
            place = (getattr(site.node, "lineno", site.statement.lineno), _column(site), operator)
            key = Key(module, site.function, operator, change)
            mutant = Mutant(key, *place[:2], places[place], site.path, broken)
            ast.fix_missing_locations(ast.copy_location(broken, site.node))
            if _changes(tree, site.path, broken):
                places[place] += 1
                found.append(mutant)
    return tuple(found)


def sample(chosen: tuple[Mutant, ...], count: int, seed: int) -> tuple[Mutant, ...]:
    """So many of the mutants, spread over modules and, in each, over operators.

    A seed and a mutant's key say where it stands, so that a change of the code elsewhere changes little of a sample.
    """
    queues: dict[str, list[tuple[int, bytes, Mutant]]] = {}
    ranks: Counter[tuple[str, str]] = Counter()
    drawn_ones = ((_drawn(one, seed), one) for one in chosen)
    for drawn, mutant in sorted(drawn_ones, key=lambda pair: (pair[0], pair[1].line, pair[1].column)):
        kind = (mutant.key.module, mutant.key.operator)
        queues.setdefault(mutant.key.module, []).append((ranks[kind], drawn, mutant))
        ranks[kind] += 1
    columns = [[mutant for *_, mutant in sorted(queue, key=lambda one: one[0])] for _, queue in sorted(queues.items())]
    return tuple(mutant for row in zip_longest(*columns) for mutant in row if mutant)[:count]


def _drawn(mutant: Mutant, seed: int) -> bytes:
    return sha256(f"{seed} {mutant.key} {mutant.nth}".encode()).digest()


# Where code can be broken.


def _sites(tree: ast.Module) -> Iterator[_Site]:
    for at, statement in enumerate(tree.body):
        path = (("body", at),)
        yield from _within(_Site(statement, path, statement, path, "-", ""), told=False)


def _within(site: _Site, *, told: bool) -> Iterator[_Site]:
    """The site and those in it, but for what is no code: annotations, decorators, texts for people, docstrings."""
    node = site.node
    if isinstance(node, ast.stmt):
        site = replace(site, statement=node, statement_path=site.path)
    told = told or _is_told(node)
    if _is_no_code(node) or (told and _is_text(node)):
        return
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        returns = ast.unparse(node.returns) if isinstance(node, ast.FunctionDef) and node.returns else ""
        name = node.name if site.function == "-" else f"{site.function}.{node.name}"
        site = replace(site, function=name, returns=returns)
    else:
        yield site
    for name, value in ast.iter_fields(node):
        if name in _NO_CODE:
            continue
        listed = isinstance(value, list)
        for at, one in enumerate(value if listed else [value]):
            if isinstance(one, ast.AST):
                step = (name, at if listed else None)
                yield from _within(replace(site, node=one, path=(*site.path, step)), told=told)


def _is_no_code(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.FormattedValue(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Assign(targets=[ast.Name()], value=ast.Subscript() | ast.BinOp(op=ast.BitOr())) if _is_type(node):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in ("assert_never", "lru_cache")
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return True
        case ast.keyword(arg="strict", value=ast.Constant(value=False)):
            return True
        case _:
            return False


def _is_told(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _TOLD_TO_PEOPLE
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in _TEXTS
        case ast.keyword(arg=name):
            return name in _TEXTS
        case _:
            return False


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_type(node: ast.Assign) -> bool:
    """A name for a type, such as `Interval = tuple[int, int]`."""
    name = ast.unparse(node.targets[0]).lstrip("_")
    return name[:1].isupper() and not name.isupper()


def _breaks(site: _Site) -> Iterator[tuple[str, ast.AST]]:
    for operator in OPERATORS:
        found: Break = operator(site.node)
        yield from ((operator.__name__, broken) for broken in found)
    yield from (("nothing", broken) for broken in nothing(site.node, site.returns))


def _column(site: _Site) -> int:
    return int(getattr(site.node, "col_offset", site.statement.col_offset))


# How it is shown.


def _change(site: _Site, broken: ast.AST) -> str | None:
    """The first lines of the statement with what is broken marked; None when nothing is to be seen."""
    steps = site.path[len(site.statement_path) :]
    after = _replaced(site.statement, steps, broken) if steps else broken
    return _marked(_text(site.statement), _text(after))


def _text(statement: ast.AST) -> str:
    """A statement on one line, a compound one with what stands under it."""
    return " ; ".join(line.strip() for line in ast.unparse(ast.fix_missing_locations(statement)).splitlines())


def _marked(before: str, after: str) -> str | None:
    if before == after:
        return None
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    while head and (before[head - 1].isalnum() or before[head - 1] in "_<>=!"):
        head -= 1
    while tail and (before[-tail].isalnum() or before[-tail] in "_<>=!"):
        tail -= 1
    end = len(before) - tail
    left, right = before[:head], before[end:]
    old, new = before[head:end], after[head : len(after) - tail]
    left = left if len(left) <= _SHOWN else f"…{left[-_SHOWN:]}"
    right = right if len(right) <= _SHOWN else f"{right[:_SHOWN]}…"
    return f"{left}[{_cut(old)} → {_cut(new)}]{right}"


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )


def _cut(text: str) -> str:
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]}…{text[-_SHOWN:]}"


# Trees and code.


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(source_path(module).read_text(encoding="utf-8"))


def _replaced(root: Any, path: tuple[Step, ...], broken: ast.AST) -> Any:
    """A tree with another node at the end of the path; shares all else with the first."""
    if not path:
        return broken
    (name, at), *rest = path
    held = getattr(root, name)
    if at is None:
        fresh: Any = _replaced(held, tuple(rest), broken)
    else:
        fresh = [*held[:at], _replaced(held[at], tuple(rest), broken), *held[at + 1 :]]
    fields = {field: getattr(root, field, None) for field in root._fields} | {name: fresh}
    return ast.copy_location(type(root)(**fields), root)


def _compiled(tree: ast.Module, path: str = "") -> CodeType:
    code = compile(tree, path, "exec", dont_inherit=True)
    assert isinstance(code, CodeType)
    return code


def _changes(tree: ast.Module, path: tuple[Step, ...], broken: ast.AST) -> bool:
    """True when the statement or method around the end of the path means something else with the broken node."""
    root: ast.AST = tree
    at = 0
    while isinstance(root, ast.Module | ast.ClassDef) and path[at][0] == "body":
        root, at = root.body[path[at][1] or 0], at + 1
    try:
        fresh = _compiled(ast.Module([_replaced(root, path[at:], broken)], []))
    except (SyntaxError, ValueError):
        return False  # no program at all
    return not _alike(fresh, _own(root))


@cache
def _own(statement: ast.stmt) -> CodeType:
    return _compiled(ast.Module([statement], []))


def _alike(one: Any, other: Any) -> bool:
    """True when two pieces of code do the same, but for the lines that they stand on."""
    if not (isinstance(one, CodeType) and isinstance(other, CodeType)):
        return type(one) is type(other) and one == other
    return (
        (one.co_code, one.co_names, one.co_varnames) == (other.co_code, other.co_names, other.co_varnames)
        and len(one.co_consts) == len(other.co_consts)
        and all(map(_alike, one.co_consts, other.co_consts))
    )
