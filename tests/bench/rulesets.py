"""Lists of boxes to measure with: random ones whose overlap is sparse, and ones whose overlap is dense."""

from __future__ import annotations

import random
from collections.abc import Callable

from netpolicy.packet.intervals import Intervals, canonical
from netpolicy.packet.space import Box

WIDTHS = (32, 32, 8, 16, 16, 3, 2)
"""Bits of source, destination, protocol, source port, destination port, interface and state."""

ANYTHING: Box = tuple(((0, (1 << width) - 1),) for width in WIDTHS)

Ruleset = tuple[list[Box], list[bool]]
"""The boxes of a first-match list, and which of them accept."""

Dense = Callable[[int, int], Ruleset]
"""A list by how many boxes it has, and how many of them are left out."""


def sparse(count: int, seed: int = 1) -> Ruleset:
    """Random five-tuple rules with interface and state: networks from a pool of 400, /16 to /32; 55 % accept."""
    chance = random.Random(seed)
    pool = [_network(chance) for _ in range(400)]
    boxes = [_box(chance, pool) for _ in range(count)]
    return boxes, [chance.random() < 0.55 for _ in boxes]


def wide_over_narrow(count: int, missing: int) -> Ruleset:
    """That many addresses in any order, some of them left out, then a box of all of them."""
    chance = random.Random(2)
    addresses = list(range(count))
    chance.shuffle(addresses)
    kept = addresses[missing:]
    return _over([(one(10 << 24 | at),) for at in kept], (((10 << 24, (10 << 24) + count - 1),),))


def checkerboard(side: int, missing: int) -> Ruleset:
    """A cell for each pair of a source port and a destination port, some left out, then a box of all of them."""
    cells = [(x, y) for x in range(side) for y in range(side)]
    random.Random(3).shuffle(cells)
    narrow = [(*ANYTHING[:3], one(x), one(y)) for x, y in cells[missing:]]
    return _over(narrow, (*ANYTHING[:3], ((0, side - 1),), ((0, side - 1),)))


def hosts_and_supernets(count: int, supernets_first: bool) -> Ruleset:
    """That many addresses, and the /24 networks that hold them, one list before the other."""
    hosts = [_whole((one(10 << 24 | at),)) for at in range(count)]
    networks = [_whole((((10 << 24 | at, 10 << 24 | at + 255),),)) for at in range(0, count, 256)]
    both = networks + hosts if supernets_first else hosts + networks
    return both, [at % 2 == 0 for at in range(len(both))]


def catch_all(count: int, seed: int = 1) -> Ruleset:
    """Sparse rules, and a rule for everything at the end."""
    boxes, accepts = sparse(count, seed)
    return [*boxes, ANYTHING], [*accepts, False]


def ranges(count: int) -> Ruleset:
    """Boxes of random ranges of source, destination and ports: most overlap, and many are covered jointly."""
    chance = random.Random(4)
    boxes = []
    for _ in range(count):
        ends = [sorted((chance.getrandbits(WIDTHS[at]), chance.getrandbits(WIDTHS[at]))) for at in (0, 1, 3, 4)]
        source, destination, source_port, port = (((first, last),) for first, last in ends)
        boxes.append((source, destination, ANYTHING[2], source_port, port, *ANYTHING[5:]))
    return boxes, [chance.random() < 0.55 for _ in boxes]


def statements(count: int, roles: int = 40, nodes: int = 2000) -> Ruleset:
    """Allows and denies between roles of scattered nodes, order without meaning; true is a deny."""
    chance = random.Random(5)
    addresses = [10 << 24 | 3 * at for at in range(nodes)]
    members = [chance.sample(addresses, chance.randint(1, 4 * nodes // roles)) for _ in range(roles)]

    def some() -> Intervals:
        chosen = chance.sample(members, chance.choice((1, 1, 1, 2, 3)))
        return canonical((at, at) for role in chosen for at in role)

    boxes = []
    for _ in range(count):
        first = chance.randrange(1024)
        ports = chance.choice((one(first), ((first, first + 99),), ANYTHING[4]))
        boxes.append((some(), some(), one(6), ANYTHING[3], ports, *ANYTHING[5:]))
    return boxes, [chance.random() < 0.1 for _ in boxes]


def one(value: int) -> Intervals:
    """The set of one value."""
    return ((value, value),)


def _over(narrow: list[tuple[Intervals, ...]], wide: tuple[Intervals, ...]) -> Ruleset:
    boxes = [_whole(box) for box in (*narrow, wide)]
    return boxes, [False] * len(narrow) + [True]


def _whole(box: tuple[Intervals, ...]) -> Box:
    """The box in all dimensions; it asks nothing of those that are not given."""
    return (*box, *ANYTHING[len(box) :])


def _network(chance: random.Random) -> Intervals:
    free = 32 - chance.randint(16, 32)
    first = chance.getrandbits(32) >> free << free
    return ((first, first + (1 << free) - 1),)


def _box(chance: random.Random, pool: list[Intervals]) -> Box:
    source, destination = chance.choice(pool), chance.choice(pool)
    which = chance.random()  # an end is any address in 3 % of the rules, never both
    if which < 0.03:
        source = ANYTHING[0]
    elif which < 0.06:
        destination = ANYTHING[1]
    protocol = chance.choice((one(6), one(6), one(17), one(1), ANYTHING[2]))
    source_port = ANYTHING[3] if chance.random() < 0.9 else _port(chance)
    interface = one(chance.randrange(8)) if chance.random() < 0.2 else ANYTHING[5]
    state = one(chance.randrange(4)) if chance.random() < 0.2 else ANYTHING[6]
    return source, destination, protocol, source_port, _port(chance), interface, state


def _port(chance: random.Random) -> Intervals:
    match chance.randrange(3):
        case 0:
            return ANYTHING[4]
        case 1:
            return one(chance.choice((22, 25, 53, 80, 443, 3306, 5432, 8080)))
        case _:
            first = chance.randrange(1 << 16)
            return ((first, min(first + chance.randrange(1 << 12), (1 << 16) - 1)),)
