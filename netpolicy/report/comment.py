"""What a change does, as a comment below a pull request: the first line says all, and what raises a risk comes first.

However large the change, the comment stays within what GitHub takes, and says how much it left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from netpolicy.packet.family import Family
from netpolicy.policy.contents import Entry
from netpolicy.report.changes import because, count, families_of, line_of, names, service, shown
from netpolicy.report.counts import many
from netpolicy.report.diff import Comparison, how
from netpolicy.report.gfm import LIMIT, Page, code, head, row, weight
from netpolicy.verify.diff.crossing import Share
from netpolicy.verify.diff.naming import Change
from netpolicy.verify.diff.restated import Broken, Restated
from netpolicy.verify.diff.risk import Level, risk_of

MARKS = {Level.HIGH: "🔴", Level.MEDIUM: "🟠", Level.LOW: "🟡", Level.NONE: "🟢"}
_SAME = "The meaning is the same: what passed before passes now, and nothing else does."
_UNFOLDED = 12
"""So many rows are read without unfolding anything."""
_ROLES, _LINES, _TEN = 24, 40, 10
_BLOCKS, _AROUND, _SMALLEST = 12, 900, 2_500
"""Into how many blocks a section is thought to be cut, the bytes of what frames one, and of the smallest section."""
_FLOW = ("flow", "service", "nodes", "statements", "why")


def comment(every: Sequence[Comparison]) -> str:
    """The whole comment; of several comparisons each has a section, and the first line counts them."""
    if len(every) == 1:
        return _section(every[0], LIMIT)
    worst = min((level_of(one) for one in every), key=lambda level: level.rank)
    page = Page(LIMIT)
    differing = [one for one in every if one]
    page.add(f"{MARKS[worst]} **{many(len(every), 'cluster')} compared, {len(differing):,} of them changed**", "")
    for number, one in enumerate(every):
        if not page.add(f"- {code(one.new)}: {headline(one)}", spare=LIMIT // 2):
            page.add(f"- and {len(every) - number:,} more")
            break
    page.add("")
    told = sorted(differing, key=lambda one: level_of(one).rank)[: page.room // _SMALLEST]
    for left, one in zip(range(len(told), 0, -1), told, strict=True):
        title = f"### {code(one.new)}"
        section = _section(one, page.room // left - weight(title) - 120)
        page.add(title, "", *section.split("\n"))
    if len(told) < len(differing):
        page.add(f"{many(len(differing) - len(told), 'changed cluster')} have no room here: ask for one at a time.")
    return page.text.rstrip("\n") + "\n"


def headline(one: Comparison) -> str:
    """All in one line, with a mark for the risk."""
    found, level = one.found, level_of(one)
    opened, closed = (sum(each.opened is word for each in shown(found, Share.KEPT)) for word in (True, False))
    told = (
        [f"{many(opened, 'flow')} opened", f"{closed:,} closed"] if opened or closed else ["no flow opened or closed"]
    )
    told.append(f"{many(len(found.touched), 'node') if found.touched else 'no node'} touched")
    for nodes, share, word in ((found.came, Share.CAME, "new"), (found.went, Share.WENT, "gone")):
        told += [f"{many(len(nodes), 'node')} {word} ({many(len(shown(found, share)), 'flow')})"] if nodes else []
    if one.restated is not None:
        told += [f"{many(len(one.restated.broken), 'promise')} broken"] if one.restated.broken else []
        removed = one.restated.promises.removed
        told += [f"{many(len(removed), 'promise')} removed"] if removed else []
    risk = "" if level is Level.NONE else f" ({level.value} risk)"
    return f"{MARKS[level]} **{', '.join(told)}**{risk}"


def level_of(one: Comparison) -> Level:
    """The highest risk of all that changes."""
    levels = [risk_of(each).level for each in one.found.changes]
    if one.restated is not None:
        broken, removed = one.restated.broken, one.restated.promises.removed
        levels += [Level.HIGH] if broken or any(one.restated.lost_by(each) for each in removed) else []
        levels += [Level.MEDIUM] if removed else []
    return min(levels, key=lambda level: level.rank, default=Level.NONE)


def _section(one: Comparison, room: int) -> str:
    writer = _Writer(Page(room), one.command, room // _BLOCKS)
    writer.page.add(headline(one), "")
    if one.absent:
        writer.page.add(f"{code(one.new)} is not in {code(one.old)}: all of it is new.", "")
    elif not (one.found.changes or one.found.came or one.found.went):
        writer.page.add(_SAME, "")
    if one.restated is not None:
        _promises(writer, one.restated)
    _flows(writer, one)
    _touched(writer, one)
    if one.restated is not None:
        _statements(writer, one.restated, folded=bool(one.found.changes))
    return writer.page.text.rstrip("\n") + "\n"


@dataclass(frozen=True, slots=True)
class _Writer:
    """Puts tables and lists on the page; `command` shows what has no room, `reserve` is kept for each later block."""

    page: Page
    command: str
    reserve: int

    def block(
        self,
        title: str,
        above: Sequence[str],
        lines: Iterable[str],
        total: int,
        later: int,
        *,
        unfolded: int = _UNFOLDED,
        a_line: int = 1,
    ) -> None:
        """Title and lines, which hold so many in `total`, `a_line` in each: from `unfolded` on they are folded.

        What has no room is counted, and not even made.
        """
        if not total:
            return
        frame, source = sum(map(weight, above)), iter(lines)
        room = self.page.room - later * self.reserve - _AROUND - frame
        first = list(_fitting(islice(source, unfolded), room))
        room -= sum(map(weight, first)) + frame
        rest = list(_fitting(source, room)) if len(first) == min(unfolded, total) else []
        told = [f"**{title}**", "", *above, *first, ""] if first else []
        if rest:
            summary = f"{total - len(first):,} more" if first else title
            told += [f"<details><summary>{summary}</summary>", "", *above, *rest, "", "</details>", ""]
        left = max(0, total - a_line * (len(first) + len(rest)))
        told += [f"{title}: {left:,} more are left out here; {code(self.command)} lists them.", ""] if left else []
        self.page.add(*told)


def _fitting(lines: Iterable[str], room: int) -> Iterator[str]:
    """The lines that have room, up to the first that has none."""
    for line in lines:
        room -= weight(line)
        if room < 0:
            return
        yield line


def _promises(writer: _Writer, restated: Restated) -> None:
    broken = sorted(restated.broken, key=lambda one: (one.code, one.promise.line))
    titles = head(("code", "promise", "what breaks it", "where"))
    writer.block("Promises broken", titles, map(_broken, broken), len(broken), 7)
    removed = sorted(restated.promises.removed, key=lambda one: not restated.lost_by(one))
    titles = head(("risk", "promise", "would it be broken now", "it stood at", "why it was made"))
    writer.block("Promises removed", titles, (_removed(one, restated) for one in removed), len(removed), 6)


def _broken(one: Broken) -> str:
    mark = f"{MARKS[Level.HIGH]} {one.code}"
    return row((mark, code(one.promise.line), code(_plain(how(one))), _stands(one.promise, one.blamed)))


def _removed(one: Entry, restated: Restated) -> str:
    lost = restated.lost_by(one)
    unknown = "not known: the nodes changed" if lost is None else "no: it would still be kept"
    told = f"yes: {code(_plain(lost))}" if lost else unknown
    said = [code(each.line) for each in restated.promises.added if _same_sides(one, each)]
    told += f"; replaced by {', '.join(said[:3])}" if said else ""
    mark = MARKS[Level.HIGH if lost else Level.MEDIUM]
    return row((mark, code(one.line), told, _stands(one), _reason([(one.owner, one.because)])))


def _plain(message: str) -> str:
    """A message that stands in code, and so needs no code of its own."""
    return message.replace("`", "")


def _same_sides(one: Entry, other: Entry) -> bool:
    """True for flow promises of one kind between the same ends, about other services."""
    ends, service_begins, _ = one.line.rpartition(" : ")
    return bool(service_begins) and ends == other.line.rpartition(" : ")[0]


def _stands(one: Entry, blamed: Sequence[str] = ()) -> str:
    told = " ".join(code(part) for part in (one.id, line_of(one.place)) if part)
    by = names([line_of(place) for place in blamed], code, 3)
    return f"{told}; by {by}" if by else told


def _flows(writer: _Writer, one: Comparison) -> None:
    found, families = one.found, families_of(one.found)
    kept = shown(found, Share.KEPT)
    opened, closed = ([each for each in kept if each.opened is word] for word in (True, False))
    rows = (row((_risk(each), *_flow(each, families))) for each in opened)
    writer.block("Flows opened", head(("risk", *_FLOW)), rows, len(opened), 5)
    writer.block("Flows closed", head(_FLOW), (row(_flow(each, families)) for each in closed), len(closed), 4)
    for share, nodes, later in ((Share.CAME, found.came, 3), (Share.WENT, found.went, 2)):
        flows = shown(found, share)
        risky = [each for each in flows if risk_of(each).level in (Level.HIGH, Level.MEDIUM)]
        word = "new" if share is Share.CAME else "gone"
        listed = [f"{one.node} ({', '.join(one.roles) or 'no role'})" for one in nodes]
        if nodes:
            writer.page.add(f"**{many(len(nodes), 'node')} {word}:** {names(listed, code)}", "")
        rows = (row((_risk(each), *_flow(each, families))) for each in flows)
        writer.block(
            f"Flows of {word} nodes",
            head(("risk", *_FLOW)),
            rows,
            len(flows),
            later,
            unfolded=min(len(risky), _UNFOLDED),
        )


def _risk(one: Change) -> str:
    risk = risk_of(one)
    told = f"{MARKS[risk.level]} {risk.level.value}" if one.opened else "closed"
    return f"{told}: {'; '.join(risk.reasons)}" if risk.reasons else told


def _flow(one: Change, families: tuple[Family, ...]) -> tuple[str, ...]:
    return (
        f"{code(one.source.name)} → {code(one.destination.name)}",
        code(service(one, families)),
        f"{count(one.source, code)} → {count(one.destination, code)}",
        because(one, code),
        _reason([(each.owner, each.because) for each in one.causes[:3]]),
    )


def _reason(notes: Sequence[tuple[str, str]]) -> str:
    """Who answers for it, and why, as far as anybody wrote it down."""
    told = []
    for owner, why in dict.fromkeys(notes):
        by = f"owner {code(owner)}" if owner else ""
        told += [": ".join(part for part in (by, code(why)) if part)] if owner or why else []
    return "; ".join(told)


def _touched(writer: _Writer, one: Comparison) -> None:
    touched = one.found.touched
    if not touched:
        return
    tallies = sorted(one.found.tallies, key=lambda each: (-each.touched, each.role))
    by_role = [f"{each.touched:,} of {each.whole:,} {code(each.role)}" for each in tallies]
    title = f"{many(len(touched), 'node')} touched"
    moved = sum(each.addresses for each in touched)
    also = f"; {many(moved, 'node')} with other addresses" if moved else ""
    writer.page.add(f"**{title}:** {names(by_role, most=_ROLES)}{also}", "")
    listed = [each.name + (" (other addresses)" if each.addresses else "") for each in touched]
    tens = range(0, len(listed), _TEN)
    lines = (", ".join(map(code, listed[at : at + _TEN])) + "," * (at != tens[-1]) for at in tens)
    writer.block("Their names", (), islice(lines, _LINES), len(listed), 1, unfolded=0, a_line=_TEN)


def _statements(writer: _Writer, restated: Restated, *, folded: bool) -> None:
    """Settings, then what came and went, then what reads otherwise."""
    rules, promises = restated.rules, restated.promises
    added, removed = (*promises.added, *rules.added), (*promises.removed, *rules.removed)
    changed = (*promises.changed, *rules.changed)
    lines = chain(
        (
            f"- {code(name)}: {code(old) or 'not set'} → {code(new) or 'not set'}"
            for name, old, new in restated.settings
        ),
        (f"- added: {_told(one)}" for one in added),
        (f"- removed: {_told(one)}" for one in removed),
        (f"- kept now, broken before: {_told(one)}" for one in restated.mended),
        (f"- {_changed(old, new)}" for old, new in changed),
    )
    counted = [
        (len(restated.settings), "settings changed"),
        (len(added), "added"),
        (len(removed), "removed"),
        (len(restated.mended), "no longer broken"),
        (len(changed), "changed"),
    ]
    told = ", ".join(f"{number:,} {word}" for number, word in counted if number)
    total = sum(number for number, _ in counted)
    writer.block(f"Statements: {told}", (), lines, total, 0, unfolded=0 if folded else _UNFOLDED)


def _changed(old: Entry, new: Entry) -> str:
    """What reads otherwise: the statement itself, or why it is there, by whom and until when."""
    if old.line != new.line:
        return f"changed: {code(old.line)} → {_told(new)}"
    return f"changed: {_told(new)}; before: {_notes(old) or 'no owner and no reason'}"


def _told(one: Entry) -> str:
    return ", ".join(part for part in (code(one.line), _stands(one), _notes(one)) if part)


def _notes(one: Entry) -> str:
    until = f"until {code(one.until)}" if one.until else ""
    return ", ".join(part for part in (_reason([(one.owner, one.because)]), until) if part)
