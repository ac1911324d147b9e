"""What two rulesets of one node let pass differently, as people and programs read it: boxes of packets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from netpolicy import __version__
from netpolicy.packet import interfaces
from netpolicy.packet.addresses import address_text, network_text, networks
from netpolicy.packet.diagram import Variable, boxes
from netpolicy.packet.family import Family
from netpolicy.packet.intervals import Intervals, difference, size, union_all
from netpolicy.packet.packets import describe
from netpolicy.packet.packetset import ADDRESSES, NO_MAC, NO_PORT, STATES, Axis, last
from netpolicy.report.diff import FORMAT_VERSION, Input
from netpolicy.report.gfm import LIMIT, Page
from netpolicy.report.services import joined, of_keys
from netpolicy.verify.diff.rules import Part

_BOXES, _READ = 12, 400
_LISTED = 4
_END = 100
NOTHING = "no packet is opened or closed"


def as_text(parts: Sequence[Part], coverage: Mapping[str, str]) -> str:
    """What is opened, then what is closed, a line a box; then how much of the text was understood."""
    lines: list[str] = []
    for one in parts:
        word = "opened" if one.opened else "closed"
        lines += [f"{word}  {one.hook} IPv{one.family.value} : {words}" for words in _boxes(one)]
        lines.append(f"        such as {describe(one.witness)}")
        lines += [f"        depends on `{text}`" for text in one.depends]
    lines += [f"{path}: {text}" for path, text in coverage.items()]
    return "\n".join([*lines, summary(parts)]) + "\n"


def as_markdown(parts: Sequence[Part], coverage: Mapping[str, str]) -> str:
    """The summary, and the text of the boxes as a block, as far as a comment has room."""
    page, lines = Page(LIMIT), as_text(parts, coverage).rstrip("\n").split("\n")
    page.add(f"**{summary(parts)}**", "", "```text")
    put = next((at for at, line in enumerate(lines) if not page.add(line, spare=_END)), len(lines))
    page.add("```", *(["", f"{len(lines) - put:,} more lines are left out here."] if put < len(lines) else []))
    return page.text


def as_json(parts: Sequence[Part], coverage: Mapping[str, str], inputs: Sequence[Input]) -> str:
    """Everything, for programs; the same for the same input, byte for byte."""
    document = {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "netpolicy", "version": __version__},
        "inputs": [{"side": one.side, "path": one.path, "sha256": one.digest} for one in inputs],
        "coverage": dict(coverage),
        "summary": summary(parts),
        "opened": [_entry(one) for one in parts if one.opened],
        "closed": [_entry(one) for one in parts if not one.opened],
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def summary(parts: Sequence[Part]) -> str:
    """All in one line."""
    told = []
    for opened, word in ((True, "opened"), (False, "closed")):
        where = [f"{one.hook} (IPv{one.family.value})" for one in parts if one.opened is opened]
        told += [f"{word} in {', '.join(where)}"] if where else []
    return "; ".join(told) or NOTHING


def _entry(one: Part) -> dict[str, Any]:
    return {
        "hook": one.hook,
        "family": one.family.value,
        "packets": list(_boxes(one)),
        "witness": describe(one.witness),
        "depends_on": list(one.depends),
    }


def _boxes(part: Part) -> Iterator[str]:
    """The boxes in words; of very many the first."""
    found: list[dict[Variable, Intervals]] = list(islice(boxes(part.packets), _READ + 1))
    cut = len(found) > _READ
    for axis in (Axis.STATE, Axis.TRANSLATED, Axis.IN_INTERFACE, Axis.OUT_INTERFACE, Axis.KEY):
        found = _joined(found, axis)
    yield from (_words(part, box) for box in found[:_BOXES])
    if cut or len(found) > _BOXES:
        yield "and more"


def _joined(found: list[dict[Variable, Intervals]], axis: Axis) -> list[dict[Variable, Intervals]]:
    """Boxes that differ on one axis alone are one."""
    alike: dict[tuple[tuple[Variable, Intervals], ...], list[Intervals]] = {}
    whole: Intervals = ((0, last(axis, Family.V4)),)
    for box in found:
        rest = tuple(sorted((variable, values) for variable, values in box.items() if variable != axis.variable))
        alike.setdefault(rest, []).append(box.get(axis.variable, whole))
    joined = []
    for rest, every in alike.items():
        values = union_all(every)
        joined.append(dict(rest) if values == whole else {axis.variable: values, **dict(rest)})
    return joined


def _words(part: Part, box: Mapping[Variable, Intervals]) -> str:
    told = []
    keys = box.get(Axis.KEY.variable)
    told.append("any" if keys is None else _services(part, keys))
    for axis, word in ((Axis.SOURCE, "from"), (Axis.DESTINATION, "to"), (Axis.ORIGINAL_DESTINATION, "translated from")):
        if axis.variable in box:
            told.append(f"{word} {_addresses(part, axis, box[axis.variable])}")
    for axis, word in ((Axis.SOURCE_PORT, "source port"), (Axis.ORIGINAL_PORT, "translated from port")):
        if axis.variable in box:
            told.append(f"{word} {_numbers(box[axis.variable], NO_PORT)}")
    for axis, word in ((Axis.IN_INTERFACE, "in"), (Axis.OUT_INTERFACE, "out")):
        asked = box.get(axis.variable)
        if asked is not None and asked not in (interfaces.SOME, ((interfaces.NONE, interfaces.NONE),)):
            told.append(f"{word} {_cards(asked)}")
    told += _rest(box)
    return " ".join(told)


def _rest(box: Mapping[Variable, Intervals]) -> Iterator[str]:
    for (rank, text), values in box.items():
        match Axis(rank):
            case Axis.STATE:
                names = [STATES[at].value.lower() for low, high in values for at in range(low, high + 1)]
                yield f"state {', '.join(names)}"
            case Axis.TRANSLATED:
                yield "translated" if values[0][0] else "not translated"
            case Axis.FLAGS:
                yield f"tcp flags {_numbers(values, 256)}"
            case Axis.FRAGMENT if values[0][0]:  # that a packet is whole goes without saying
                yield "later fragments"
            case Axis.MAC:
                yield "from " + ", ".join(low.to_bytes(7, "big")[1:].hex(":") for low, _ in values if low < NO_MAC)
            case Axis.ORIGINAL_PROTOCOL:
                yield f"about a connection of protocol {_numbers(values, 256)}"
            case Axis.SOURCE_TRANSLATED:
                yield "source translated" if values[0][0] else "source not translated"
            case Axis.OPAQUE:
                yield f"{'where' if values[0][0] else 'unless'} `{text}`"
            case _:
                continue


def _services(part: Part, keys: Intervals) -> str:
    return joined(one.text for one in of_keys(keys, part.family))


def _addresses(part: Part, axis: Axis, numbers: Intervals) -> str:
    """Networks; of nearly all what is missing."""
    assert axis in ADDRESSES
    family, greatest = part.family, last(Axis.SOURCE, part.family, part.grid)
    held, missing = (
        union_all(
            part.grid.atoms.members(number) for low, high in one for number in range(low, min(high, greatest) + 1)
        )
        for one in (numbers, difference(((0, greatest),), numbers))
    )
    if not missing:
        return "anywhere"
    turned = size(held) > size(missing)
    listed = networks(family, missing if turned else held)
    texts = [
        address_text(family, first) if prefix == family.bits else network_text(family, first, prefix)
        for first, prefix in listed[:_LISTED]
    ]
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ("anywhere but " if turned else "") + ", ".join(texts) + more


def _numbers(values: Intervals, none: int) -> str:
    shown = [f"{low}" if low == high else f"{low}-{min(high, none - 1)}" for low, high in values if low < none]
    return ", ".join(shown) or "none"


def _cards(asked: Intervals) -> str:
    """Names of interfaces, or of those that are left out."""
    missing = difference(interfaces.SOME, asked)
    turned = size(missing) < size(asked)
    return ("anything but " if turned else "") + ", ".join(
        interfaces.name((one,)) + ("" if one[0] == one[1] else "+") for one in (missing if turned else asked)
    )
