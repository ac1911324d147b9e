"""Each way to spoil a kernel's rules is found, as what it is, and told by the right code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest

from netpolicy.data import folder
from netpolicy.node.findings import finding, statements
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.targets.iptables.consequence import Consequence
from netpolicy.targets.iptables.drift import Difference, Kind, differences
from netpolicy.targets.iptables.overruled import overruling
from netpolicy.targets.iptables.rules import Return, Rule, Ruleset
from netpolicy.targets.iptables.standing import standing
from tests.compiling import compiled, read_back
from tests.dumps import Dump, saved

OPENS, CLOSES, EITHER, NOTHING = Consequence.OPENS, Consequence.CLOSES, Consequence.EITHER, Consequence.NOTHING
Mutation = Callable[[Dump], Dump]
JUMP = "-A INPUT -m comment --comment np:baseline -j NETPOLICY-IN"
SSH = "--dport 22 -m set --match-set np4-nodes-8ae658d3 src"


def built() -> tuple[Ruleset, Dump]:
    """Of the small cluster with closed egress."""
    return of_core("five-closed-egress")


@cache
def of_core(cluster: str) -> tuple[Ruleset, Dump]:
    """The core of that cluster: what it must hold, and the dump of a kernel that does."""
    pipeline = compiled({}, cluster=str(folder("rules") / "clusters" / f"{cluster}.yaml"))
    one = next(built for built, _ in pipeline.built() if "core" in built.node_class.members)
    return read_back(one), saved(one.files)


def chain(dump: Dump, name: str) -> str:
    """The full name of a generation's chain: `IN`, `OUT-flows`."""
    head, _, part = name.partition("-")
    digits = dump.rules("-A NETPOLICY-IN")[0][-8:]
    return f"NP-{head}-{digits}" + (f"-{part}" if part else "")


def line(dump: Dump, name: str, words: str = "") -> str:
    """The first rule of a chain that has these words."""
    return next(one for one in dump.rules(f"-A {chain(dump, name)} ") if words in one)


def last(dump: Dump, name: str) -> str:
    return dump.rules(f"-A {chain(dump, name)} ")[-1]


def move(dump: Dump, what: str, behind: str) -> Dump:
    return dump.without(what).after(behind, what)


def replaced(name: str, words: str, old: str, new: str) -> Mutation:
    """The first rule of a chain that has these words says something else."""
    return lambda dump: dump.swap(line(dump, name, words), line(dump, name, words).replace(old, new))


def added(name: str, options: str, *, end: bool = False) -> Mutation:
    """A rule more, the first or the last of a chain."""

    def change(dump: Dump) -> Dump:
        rule = f"-A {chain(dump, name)} {options}"
        return dump.after(last(dump, name), rule) if end else dump.before(line(dump, name), rule)

    return change


def declared(dump: Dump, name: str) -> Dump:
    """The dump with a chain more."""
    return dump.swap(":OUTPUT ACCEPT [0:0]\n", f":OUTPUT ACCEPT [0:0]\n:{name} - [0:0]\n")


def foreign(options: str, *chains: str) -> Mutation:
    """A rule of others ahead of our jump, and chains of theirs with a rule each."""

    def change(dump: Dump) -> Dump:
        for one in chains:
            dump = declared(dump, one.split()[0])
        return dump.before(JUMP, *(f"-A {one}" for one in chains), f"-A INPUT {options}")

    return change


def behind(*options: str) -> Mutation:
    """Rules of others behind our jump."""
    return lambda dump: dump.after(JUMP, *(f"-A INPUT {one}" for one in options))


def foreign_behind(options: str, *rules: str) -> Mutation:
    """A rule of others behind our jump, and the rules of their chains."""

    def change(dump: Dump) -> Dump:
        for one in dict.fromkeys(rule.split()[0] for rule in rules):
            dump = declared(dump, one)
        return dump.after(JUMP, f"-A INPUT {options}", *(f"-A {one}" for one in rules))

    return change


def jump(old: str, new: str) -> Mutation:
    """The jump says something else."""
    return lambda dump: dump.swap(JUMP, JUMP.replace(old, new))


def sets(old: str, new: str) -> Mutation:
    """The text of the sets says something else; an empty `old` is its end."""
    return lambda dump: dump.of_sets(lambda text: text.replace(old, new) if old else text + new)


def policy(dump: Dump) -> Dump:
    return dump.swap(":INPUT ACCEPT", ":INPUT DROP")


def behind_refusal(dump: Dump) -> Dump:
    return move(dump, line(dump, "IN", SSH), last(dump, "IN"))


def before_refusal(dump: Dump) -> Dump:
    return dump.without(line(dump, "IN", SSH)).before(line(dump, "IN", "INVALID"), line(dump, "IN", SSH))


def past_another(dump: Dump) -> Dump:
    return move(dump, line(dump, "IN", SSH), line(dump, "IN", "--dport 5454"))


def refusal_admits(dump: Dump) -> Dump:
    return dump.swap(last(dump, "IN"), last(dump, "IN").replace("DROP", "RETURN"))


def emptied(dump: Dump) -> Dump:
    name = chain(dump, "OUT-flows")
    return dump.edit(lambda text: "".join(f"{one}\n" for one in text.splitlines() if not one.startswith(f"-A {name} ")))


def renamed(dump: Dump) -> Dump:
    return dump.swap(chain(dump, "OUT-flows"), "flows-of-mine", count=-1)


def gone(dump: Dump) -> Dump:
    return emptied(dump).edit(lambda text: text.replace(f":{chain(dump, 'OUT-flows')} - [0:0]\n", ""))


def other_generation(dump: Dump) -> Dump:
    return dump.edit(lambda text: text.replace(chain(dump, "IN")[-8:], "0a1b2c3d"))


def flushed(dump: Dump) -> Dump:
    return replace(dump, v6="*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n")


SINGLE: dict[str, tuple[Mutation, str, Consequence]] = {
    "a rule that admits is deleted": (lambda dump: dump.without(line(dump, "IN", SSH)), "NP801", CLOSES),
    "the last refusal is deleted": (lambda dump: dump.without(last(dump, "IN")), "NP801", OPENS),
    "the marker is deleted": (lambda dump: dump.without(line(dump, "IN", "np:ruleset")), "NP801", NOTHING),
    "a rule that admits all comes first": (added("IN", "-j RETURN"), "NP802", OPENS),
    "a rule that refuses comes first": (added("IN", "-s 10.0.0.0/8 -j DROP"), "NP802", CLOSES),
    "a rule behind the last refusal": (added("IN", "-j ACCEPT", end=True), "NP802", NOTHING),
    "a rule twice": (lambda dump: dump.after(line(dump, "IN", SSH), line(dump, "IN", SSH)), "NP802", NOTHING),
    "another port": (replaced("IN", SSH, "--dport 22 ", "--dport 23 "), "NP803", EITHER),
    "a match less": (replaced("IN", SSH, " -m set --match-set np4-nodes-8ae658d3 src", ""), "NP803", OPENS),
    "a match more": (replaced("IN", SSH, " -p tcp", " -s 10.0.0.1/32 -p tcp"), "NP803", CLOSES),
    "a negation": (replaced("IN", SSH, "--match-set", "! --match-set"), "NP803", EITHER),
    "another target": (replaced("IN", SSH, "-j RETURN", "-j DROP"), "NP803", CLOSES),
    "ACCEPT in place of RETURN": (replaced("IN", SSH, "-j RETURN", "-j ACCEPT"), "NP803", OPENS),
    "the refusal admits": (refusal_admits, "NP803", OPENS),
    "only the comment": (replaced("IN", SSH, "np:10dbe658", "np:54017f25"), "NP803", NOTHING),
    "-j in place of -g": (replaced("OUT", " -g ", " -g ", " -j "), "NP803", EITHER),
    "a rule that admits is moved behind the refusal": (behind_refusal, "NP804", CLOSES),
    "a rule that admits is moved before a refusal": (before_refusal, "NP804", OPENS),
    "two rules that admit change places": (past_another, "NP804", NOTHING),
    "a chain is emptied": (emptied, "NP805", OPENS),
    "only IPv6 is not loaded": (flushed, "NP805", OPENS),
    "the jump is deleted": (lambda dump: dump.without(JUMP), "NP806", OPENS),
    "the jump is twice": (lambda dump: dump.after(JUMP, JUMP), "NP807", NOTHING),
    "the jump only for one interface": (jump("INPUT", "INPUT -i eth1"), "NP807", OPENS),
    "-g to our chain": (jump("-j", "-g"), "NP807", EITHER),
    "the jump has another comment": (jump("np:baseline", "mine"), "NP807", NOTHING),
    "a jump ahead into one of our chains": (foreign("-p tcp -j NETPOLICY-IN"), "NP807", NOTHING),
    "the jump behind ACCEPT": (foreign("-s 10.0.0.1/32 -j ACCEPT"), "NP808", OPENS),
    "the jump behind RETURN": (foreign("-j RETURN"), "NP808", OPENS),
    "the jump behind a chain that admits two levels down": (
        foreign("-j theirs", "theirs -j deeper", "deeper -p tcp -j ACCEPT"),
        "NP808",
        OPENS,
    ),
    "the jump behind -g to a chain of others": (foreign("-g theirs", "theirs -s 10.0.0.1 -j DROP"), "NP808", OPENS),
    "the jump behind a target nobody knows": (foreign("-j NFQUEUE --queue-num 1"), "NP808", OPENS),
    "a set lacks a member": (sets("add np4-dea-3918b3a3 10.5.31.102\n", ""), "NP811", CLOSES),
    "a set has one member more": (sets("", "add np4-dea-3918b3a3 192.0.2.1\n"), "NP811", OPENS),
    "a set that is asked for with and without a negation has one more": (
        sets("", "add np4-nodes-8ae658d3 192.0.2.1\n"),
        "NP811",
        OPENS,
    ),
    "a set of another type": (sets("dea-3918b3a3 hash:ip", "dea-3918b3a3 hash:net"), "NP812", EITHER),
    "a set with a timeout": (sets("dea-3918b3a3 hash:ip", "dea-3918b3a3 hash:ip timeout 60"), "NP812", EITHER),
    "a set of a type nobody knows": (sets("dea-3918b3a3 hash:ip", "dea-3918b3a3 hash:mac"), "NP812", EITHER),
    "a chain of others leads into ours": (
        lambda dump: declared(dump, "theirs").before(JUMP, "-A theirs -j NETPOLICY-IN"),
        "NP813",
        EITHER,
    ),
    "a chain is left over": (lambda dump: declared(dump, "NP-IN-0a1b2c3d-t"), "NP814", NOTHING),
    "a set is left over": (sets("", "create np4-old-0a1b2c3d hash:ip family inet maxelem 1\n"), "NP814", NOTHING),
    "a match nobody knows, in a rule more": (added("IN", "-m u32 --u32 0x0=0x1 -j RETURN"), "NP816", OPENS),
    "a match nobody knows, in a rule of ours": (
        replaced("IN", SSH, "-m set", "-m owner --uid-owner 0 -m set"),
        "NP816",
        EITHER,
    ),
    "a policy refuses, and nothing behind admits": (policy, "NP817", CLOSES),
    "a policy refuses, and others admit behind": (
        lambda dump: policy(dump).after(JUMP, "-A INPUT -p tcp -j ACCEPT"),
        "NP817",
        NOTHING,
    ),
    "a policy refuses what nobody sends on": (
        lambda dump: dump.swap(":FORWARD ACCEPT", ":FORWARD DROP"),
        "NP817",
        NOTHING,
    ),
    "others refuse all behind us": (behind("-j DROP"), "NP819", CLOSES),
    "others reject all behind us": (behind("-j REJECT --reject-with icmp-host-prohibited"), "NP819", CLOSES),
    "others admit some behind us, and refuse the rest": (behind("-p tcp -j ACCEPT", "-j DROP"), "NP819", CLOSES),
    "a chain of others refuses all behind us": (foreign_behind("-j theirs", "theirs -j DROP"), "NP819", CLOSES),
    "-g to a chain of others that refuses all": (foreign_behind("-g theirs", "theirs -j DROP"), "NP819", CLOSES),
    "a chain of others logs and bans, then refuses all": (
        foreign_behind(
            "-j theirs", "theirs -j LOG", "theirs -s 192.0.2.9/32 -j DROP", "theirs -j deeper", "deeper -j DROP"
        ),
        "NP819",
        CLOSES,
    ),
    "others refuse all ahead of us": (foreign("-j DROP"), "NP819", CLOSES),
}
HARMLESS: dict[str, Mutation] = {
    "nothing": lambda dump: dump,
    "others refuse ahead of us": foreign("-j f2b", "f2b -s 192.0.2.9/32 -j REJECT --reject-with icmp-port-unreachable"),
    "others log ahead of us": foreign('-j LOG --log-prefix "all of it: "'),
    "others admit behind us": lambda dump: dump.after(JUMP, "-A INPUT -p tcp -j ACCEPT"),
    "others ban behind us": behind("-s 192.0.2.9/32 -j DROP"),
    "others ban in a chain behind us": foreign_behind("-j f2b", "f2b -s 192.0.2.9/32 -j DROP", "f2b -j RETURN"),
    "a chain of others lets some go back, then refuses": foreign_behind(
        "-j f2b", "f2b -p tcp -j RETURN", "f2b -j DROP"
    ),
    "a chain of others that is asked for some refuses all": foreign_behind("-p tcp -j f2b", "f2b -j DROP"),
    "others go back to the policy, then refuse": behind("-j RETURN", "-j DROP"),
    "others admit all, then refuse": behind("-j ACCEPT", "-j DROP"),
    "others admit all, and a policy refuses": lambda dump: behind("-j ACCEPT")(policy(dump)),
    "chains of others": foreign("-j f2b", "f2b -j RETURN"),
    "sets of others": sets("", "create theirs hash:mac timeout 9\n"),
    "chains declared in another order": lambda dump: declared(dump.swap(":NETPOLICY-IN - [0:0]\n", ""), "NETPOLICY-IN"),
}


def found(dump: Dump, wanted: Ruleset | None = None) -> list[Difference]:
    wanted = wanted or built()[0]
    return [*differences(dump.live, wanted), *overruling(dump.live, wanted)]


@pytest.mark.parametrize("name", SINGLE)
def test_one_change_is_one_finding(name: str) -> None:
    change, code, consequence = SINGLE[name]
    dump = change(built()[1])
    listed = found(dump)
    assert [finding(one, {}).code for one in listed] == [code], listed
    assert listed[0].consequence is consequence


@pytest.mark.parametrize("name", HARMLESS)
def test_what_others_do_is_no_drift(name: str) -> None:
    assert found(HARMLESS[name](built()[1])) == []


@pytest.mark.parametrize("name", SINGLE)
def test_what_is_found_is_what_an_apply_would_mend(name: str) -> None:
    """But for what is not ours to mend, drift and the standing that an apply looks at agree."""
    change, code, _ = SINGLE[name]
    stands = standing(change(built()[1]).live, built()[0]).in_force
    assert stands is (code in ("NP813", "NP814", "NP817", "NP819"))


def codes(dump: Dump) -> list[str]:
    return sorted(finding(one, {}).code for one in found(dump))


def test_a_chain_that_is_gone_and_one_that_is_renamed() -> None:
    """The rules that lead there differ as well."""
    dump = built()[1]
    leads = 2  # from OUTPUT, and from what is forwarded
    assert codes(renamed(dump)) == ["NP803"] * leads + ["NP805"]
    assert codes(gone(dump)) == ["NP805"]


def test_another_generation_is_one_finding_a_family() -> None:
    (one,) = found(other_generation(built()[1]))
    told = finding(one, {})
    wanted = chain(built()[1], "IN")[-8:]
    assert (told.code, told.message) == ("NP809", f"IPv4: another generation is in force: 0a1b2c3d, not {wanted}")
    assert "`netpolicy apply-rules preview` tells what differs" in told.hint


@pytest.mark.parametrize(("held", "compared"), [("five", "five-closed-egress"), ("five-closed-egress", "five")])
def test_so_it_is_where_the_other_one_has_other_chains(held: str, compared: str) -> None:
    """The one leaves OUTPUT open and has no chains for it."""
    wanted, _ = of_core(compared)
    _, dump = of_core(held)
    assert [(finding(one, {}).code, one.family) for one in found(dump, wanted)] == [
        ("NP809", family) for family in FAMILIES
    ]


def test_another_generation_for_one_hook_alone_is_told_of_that() -> None:
    dump = built()[1]
    other = dump.swap("-j NP-OUT-", "-j NP-OUT-0a1b2c3d\n#")
    (one,) = found(other)
    assert (finding(one, {}).code, one.name, one.found) == ("NP809", "NETPOLICY-OUT", ("0a1b2c3d",))
    emptied_too = other_generation(dump)
    emptied_too = emptied_too.without(emptied_too.rules("-A NETPOLICY-OUT")[0])
    assert [finding(one, {}).code for one in found(emptied_too)] == ["NP809", "NP809", "NP805"]


def test_an_absent_set_is_named() -> None:
    dump = built()[1].of_sets(lambda text: "".join(f"{one}\n" for one in text.splitlines() if "np4-admins" not in one))
    listed = found(dump)
    assert [(finding(one, {}).code, one.name) for one in listed] == [("NP810", "np4-admins-4e694dd5")]


def test_members_that_differ_are_named() -> None:
    """Those more and those less, each as an address."""
    dump = built()[1].of_sets(lambda text: text.replace("dea-3918b3a3 10.5.31.102", "dea-3918b3a3 192.0.2.1"))
    (one,) = found(dump)
    assert (one.found, one.lacking) == (("192.0.2.1",), ("10.5.31.102",))
    asking = [rule for rule in built()[1].rules("-A ") if " np4-dea-3918b3a3 " in rule]
    assert set(statements(one)) == {name for rule in asking for name in rule.partition("np:")[2].split()[0].split(",")}
    assert finding(one, {}).message == (
        "IPv4: set `np4-dea-3918b3a3` has more members: 192.0.2.1 and lacks members: 10.5.31.102,"
        " which can let packets pass that the policy refuses, or stop those that it admits"
    )


def test_an_empty_kernel_is_one_finding_a_family() -> None:
    empty = flushed(built()[1]).v6
    listed = found(Dump(empty, empty, ""))
    assert [(finding(one, {}).code, one.family) for one in listed] == [("NP805", family) for family in FAMILIES]


def every_rule(dump: Dump) -> Iterator[str]:
    return (one for one in dump.rules("-A N"))


def test_every_single_rule_is_missed() -> None:
    """Whichever rule of ours is deleted: one finding, about that rule."""
    wanted, dump = built()
    for rule in every_rule(dump):
        (one,) = differences(dump.without(rule).live, wanted)
        assert finding(one, {}).code in ("NP801", "NP805"), rule
        assert one.name == rule.split()[1]


def test_several_rules_of_one_chain_are_told_apart() -> None:
    dump = built()[1]
    spoiled = dump.without(line(dump, "IN", "--dport 5454"))
    spoiled = move(spoiled, line(dump, "IN", SSH), line(dump, "IN", "--dport 9022"))
    spoiled = replaced("IN", "--dport 4222", "4222", "4223")(spoiled)
    spoiled = added("IN", "-p udp -j RETURN")(spoiled)
    assert codes(spoiled) == ["NP801", "NP802", "NP803", "NP804"]


def told(dump: Dump) -> list[str]:
    return [finding(one, {}).message for one in found(dump)]


def test_what_is_told_of_sets_and_of_a_rule_in_the_place_of_ours() -> None:
    dump = built()[1]
    kept = "create np4-old-0a1b2c3d hash:ip family inet maxelem 1\n"
    assert told(sets("", kept)(dump)) == ["IPv4: set `np4-old-0a1b2c3d` is of no use any more"]
    either = ", which can let packets pass that the policy refuses, or stop those that it admits"
    assert told(sets("dea-3918b3a3 hash:ip", "dea-3918b3a3 hash:net")(dump)) == [
        f"IPv4: set `np4-dea-3918b3a3` is hash:net of IPv4{either}"
    ]
    assert told(sets("dea-3918b3a3 hash:ip", "dea-3918b3a3 hash:mac")(dump)) == [
        f"IPv4: set `np4-dea-3918b3a3` is not as we make it{either}"
    ]
    unread = replaced("IN", SSH, "-m set", "-m owner --uid-owner 0 -m set")(dump)
    assert told(unread)[0].startswith(f"IPv4: rule 10 of `{chain(dump, 'IN')}` is not understood, in place of rule 10")


def test_of_very_many_statements_the_first_are_told() -> None:
    """Beside the wanted text and the reason, a finding has six statements and how many more there are."""
    rule = Rule((), Return(), "np:" + ",".join(f"{number:08x}" for number in range(9)))
    one = finding(Difference(Kind.RULE_MISSING, Family.V4, "NP-IN-0a1b2c3d", CLOSES, (1, rule)), {})
    assert [note.split()[0] for note in one.notes] == ["wanted:", *["statement"] * 6, "and"]
    assert one.notes[-1] == "and 3 more statements"


def test_members_more_and_less_are_told_in_short() -> None:
    many = tuple(f"192.0.2.{number}" for number in range(9))
    message = finding(Difference(Kind.SET_MEMBERS, Family.V4, "np4-x-0a1b2c3d", OPENS, found=many), {}).message
    assert "192.0.2.5 and 3 more" in message
    assert "192.0.2.6" not in message


def test_the_backend_beside_ours_is_told() -> None:
    one = Difference(Kind.OTHER_BACKEND, None, "iptables-legacy", CLOSES, found=("3", "ours"))
    assert finding(one, {}).message == (
        "iptables-legacy holds 3 rules or policies, chains of ours among them; a packet passes both backends"
    )
