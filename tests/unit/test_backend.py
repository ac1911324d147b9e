"""Which half of the kernel holds rules, and what it holds: seen before anything is opened, or we are stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import pytest

from netpolicy.node.backend import Backend, Observed, choose, observe, read_live
from netpolicy.node.host import Answer, Host
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.addresses import FAMILIES, Family

LEGACY, NFT = Backend.LEGACY, Backend.NFT
EMPTY = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
RULE = EMPTY.replace("COMMIT", "[3:180] -A INPUT -s 192.0.2.1/32 -j DROP\nCOMMIT")
POLICY = EMPTY.replace(":FORWARD ACCEPT", ":FORWARD DROP")
USER = EMPTY.replace("COMMIT", ":FOREIGN - [0:0]\nCOMMIT")
NAT = "*nat\n:PREROUTING ACCEPT [0:0]\n[0:0] -A PREROUTING -j DNAT --to 10.0.0.1\nCOMMIT\n"
EMPTY_NAT = "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"
V4, V6 = FAMILIES


class Saying(Host):
    """A host whose programs say what they are told to, or stay away. `asked` is what was run."""

    def __init__(
        self,
        legacy: Mapping[Family, str] | None = None,
        nft: Mapping[Family, str] | None = None,
        lists: Mapping[Family, str] | None = None,
        **said: Answer | str,
    ) -> None:
        self.lists = dict.fromkeys(legacy or {}, "filter\n") if lists is None else lists
        self.said = {
            name.replace("_", "-"): told if isinstance(told, Answer) else Answer(0, told, "")
            for name, told in said.items()
        }
        for backend, texts in ((LEGACY, legacy or {}), (NFT, dict.fromkeys(FAMILIES, EMPTY) | dict(nft or {}))):
            for family in FAMILIES:
                self.said.setdefault(backend.tool(family, "save"), Answer(0, texts.get(family, ""), ""))
        self.asked: list[str] = []
        self.lacks: set[str] = set()
        self.hides: list[str] = []

    def hidden(self) -> list[str]:
        return self.hides

    def run(self, *command: str, text: str = "", within: float = 60.0) -> Answer:
        self.asked.append(" ".join(command))
        return self.said[command[0]]

    def has(self, program: str) -> bool:
        return program in self.said and program not in self.lacks

    def read(self, path: str) -> str | None:
        family = V6 if path.endswith("ip6_tables_names") else V4
        assert path == f"/proc/thread-self/net/{'ip' if family is V4 else 'ip6'}_tables_names"
        return self.lists.get(family)


def stopped(act: Callable[[], object], code: str) -> StoppedError:
    with pytest.raises(StoppedError) as caught:
        act()
    assert {one.code for one in caught.value.found} == {code}
    return caught.value


# What is seen.


def test_no_legacy_tool_is_run_where_no_legacy_table_is() -> None:
    """It would make the table that it prints."""
    host = Saying()
    assert observe(host).texts[LEGACY] == {}
    assert not [one for one in host.asked if "legacy" in one]


def test_a_family_without_legacy_tables_is_left_alone() -> None:
    host = Saying({V4: RULE})
    assert observe(host).texts[LEGACY] == {V4: RULE}
    assert [one for one in host.asked if "legacy" in one] == ["iptables-legacy-save -c"]


@pytest.mark.parametrize(
    ("text", "count"),
    [(EMPTY, 0), (RULE, 1), (POLICY, 1), (USER, 0), (EMPTY + NAT, 1), (RULE.replace("[3:180] ", ""), 1), ("", 0)],
)
def test_what_counts_as_held(text: str, count: int) -> None:
    """Rules, and policies other than ACCEPT, of every table; empty chains and tables hold nothing."""
    assert Observed({NFT: {V4: text, V6: EMPTY}}).holds(NFT) == count
    assert Observed({NFT: {V4: EMPTY, V6: text}}).holds(NFT) == count
    assert Observed({NFT: {V4: text, V6: EMPTY}}).holds(LEGACY) == 0


@pytest.mark.parametrize("tables", ["filter\nnat\n", "nat\nfilter\n"])
def test_a_legacy_table_that_is_not_printed_stops_us(tables: str) -> None:
    host = Saying({V4: RULE}, lists={V4: tables})
    failure = stopped(lambda: observe(host), "NP766")
    assert "`nat`" in failure.found[0].message
    assert observe(Saying({V4: RULE + EMPTY_NAT}, lists={V4: tables})).holds(LEGACY) == 1


def test_a_save_program_that_fails_stops_us() -> None:
    denied = Answer(4, "", "Fatal: can't open lock file /run/xtables.lock: Permission denied")
    for host in (Saying(iptables_nft_save=denied), Saying(ip6tables_nft_save=denied)):
        failure = stopped(partial(observe, host), "NP766")
        assert failure.ending is Ending.UNUSABLE
        assert "Permission denied" in failure.found[0].message
    failure = stopped(lambda: observe(Saying({V6: RULE}, ip6tables_legacy_save=denied)), "NP766")
    assert "`ip6tables-legacy-save`" in failure.found[0].message


def test_a_filter_table_that_nft_knows_and_the_save_program_does_not_print_stops_us() -> None:
    """Who takes a kernel that holds rules for an empty one puts back nothing."""
    for family, name in ((V4, "ip"), (V6, "ip6")):
        host = Saying(nft={family: ""})
        host.said["nft"] = Answer(0, f"table inet own\ntable {name} filter\n", "")
        failure = stopped(partial(observe, host), "NP766")
        assert f"`{NFT.tool(family, 'save')}`" in failure.found[0].message
        host.said["nft"] = Answer(0, f"table inet filter\ntable {name} nat\n", "")
        assert observe(host).holds(NFT) == 0


def test_a_kernel_without_a_filter_table_is_asked_again_where_there_is_no_nft() -> None:
    host = Saying(nft={V4: "", V6: ""})
    assert observe(host).holds(NFT) == 0
    assert host.asked.count("iptables-nft-save -c") == 2

    class Late(Saying):
        """Prints the table at the second time."""

        def run(self, *command: str, text: str = "", within: float = 60.0) -> Answer:
            answer = super().run(*command, text=text, within=within)
            return Answer(0, RULE, "") if self.asked.count("iptables-nft-save -c") == 2 else answer

    late = Late(nft={V4: ""})
    stopped(lambda: observe(late), "NP766")


def test_an_nft_that_fails_stops_us() -> None:
    host = Saying(nft={V4: ""})
    host.said["nft"] = Answer(1, "", "Operation not permitted (you must be root)")
    assert stopped(lambda: observe(host), "NP766").ending is Ending.UNUSABLE


def test_a_host_without_the_nft_tools_has_no_nft_rules() -> None:
    host = Saying({V4: RULE, V6: EMPTY})
    host.lacks = {NFT.tool(V4, "save")}
    assert observe(host).texts[NFT] == {}


# Which one is taken.


def held(*backends: Backend) -> Observed:
    return Observed({each: {V4: RULE if each in backends else EMPTY, V6: EMPTY} for each in Backend})


@pytest.mark.parametrize("asked", [None, *Backend])
@pytest.mark.parametrize("holding", list(Backend))
def test_the_one_that_holds_rules_is_taken_and_no_other(holding: Backend, asked: Backend | None) -> None:
    if asked in (None, holding):
        assert choose(Saying(), held(holding), asked) is holding
    else:
        failure = stopped(lambda: choose(Saying(), held(holding), asked), "NP752")
        assert failure.ending is Ending.REFUSED
        assert f"--backend {holding.value}" in failure.found[0].hint


@pytest.mark.parametrize("asked", [None, *Backend])
def test_both_that_hold_rules_are_refused_whatever_is_asked(asked: Backend | None) -> None:
    failure = stopped(lambda: choose(Saying(), held(*Backend), asked), "NP751")
    assert failure.found[0].message.endswith("iptables-legacy 1 and iptables-nft 1")


@pytest.mark.parametrize("asked", list(Backend))
def test_where_none_holds_rules_the_asked_one_is_taken(asked: Backend) -> None:
    assert choose(Saying(), held(), asked) is asked


@pytest.mark.parametrize(
    ("version", "backend"),
    [("iptables v1.8.9 (nf_tables)\n", NFT), ("iptables v1.8.9 (legacy)\n", LEGACY), ("iptables v1.6.1\n", NFT)],
)
def test_where_none_is_asked_the_systems_own_is_taken(version: str, backend: Backend) -> None:
    assert choose(Saying(iptables=version), held(), None) is backend


def test_where_iptables_has_no_name_what_is_installed_is_taken() -> None:
    assert choose(Saying(iptables_nft_restore=""), held(), None) is NFT
    assert choose(Saying(), held(), None) is LEGACY


# What it holds.


def test_both_families_and_the_sets_are_read() -> None:
    text = "create np4-web-0123abcd hash:ip family inet hashsize 64 maxelem 1\nadd np4-web-0123abcd 10.0.0.1\n"
    one = read_live(Saying(nft={V4: RULE, V6: POLICY}, ipset=text), NFT)
    assert len(one.v4.chains["INPUT"].rules) == 1
    assert one.v6.chains["FORWARD"].policy == "DROP"
    assert list(one.sets) == ["np4-web-0123abcd"]
    assert read_live(Saying(nft={V4: RULE}), NFT).sets == {}


def test_texts_that_are_not_whole_are_told_all_at_once() -> None:
    cut = {V4: RULE.replace("COMMIT\n", ""), V6: RULE.replace("COMMIT\n", "")}
    failure = stopped(lambda: read_live(Saying(nft=cut), NFT), "NP766")
    assert len(failure.found) == 2
    assert failure.ending is Ending.REFUSED


def test_sets_that_cannot_be_read_stop_us() -> None:
    failed = Answer(1, "", "ipset v7.17: Kernel error received: Operation not permitted")
    failure = stopped(lambda: read_live(Saying(ipset=failed), NFT), "NP766")
    assert "`ipset save`" in failure.found[0].message


def test_the_names_of_tools() -> None:
    assert [NFT.tool(family, "save") for family in FAMILIES] == ["iptables-nft-save", "ip6tables-nft-save"]
    assert LEGACY.tool(V6, "restore") == "ip6tables-legacy-restore"
    assert [each.other for each in Backend] == [NFT, LEGACY]


def test_what_the_tool_does_not_print_stops_us() -> None:
    host = Saying(nft={V4: "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"})
    observe(host)
    host.hides = ["table `ip filter` is dormant: no packet meets its rules"]
    with pytest.raises(StoppedError) as caught:
        observe(host)
    assert [(one.code, one.message) for one in caught.value.found] == [("NP766", host.hides[0])]
