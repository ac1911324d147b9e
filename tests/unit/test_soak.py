"""A soak tells of what was asked, and makes a disagreement as small as it can; its texts say what was tried."""

import time

from hypothesis import strategies as st

from netpolicy.node.backend import Backend
from tests.differential.agree import DisagreementError
from tests.differential.case import Case
from tests.differential.saved import FOLDER, parsed, written
from tests.differential.tally import Tally
from tests.differential.trial import Disagreement
from tests.soak.sources import Source
from tests.soak.worker import tried


def _agreed(number: int) -> Tally:
    if number >= 10:
        raise DisagreementError(f"{number} is too much")
    return Tally(packets=1)


def test_a_disagreement_is_made_small() -> None:
    told: list[Tally] = []
    assert tried(
        Source("numbers", st.integers(0, 1_000), _agreed, FOLDER, 50), 1, time.monotonic() + 60, told.append
    ) == ["10 is too much"]


def test_where_all_agree_everything_is_counted() -> None:
    told: list[Tally] = []
    assert tried(Source("numbers", st.integers(0, 9), _agreed, FOLDER, 50), 1, time.monotonic() + 60, told.append) == []
    assert sum(told, Tally()).packets == len(told) > 1


def test_nothing_is_tried_when_the_time_is_over() -> None:
    told: list[Tally] = []
    assert (
        tried(Source("numbers", st.integers(0, 1_000), _agreed, FOLDER, 50), 1, time.monotonic() - 1, told.append) == []
    )
    assert told == []


def test_sums_of_counts() -> None:
    one = Tally(policies=1, rules=20, packets=300, passing=120)
    assert (
        str(one + one + Tally(disagreements=1)) == "2 policies, 40 rules, 600 packets (40 % passing), 1 disagreements"
    )
    assert str(one + Tally(rulesets=3)).startswith("1 policies, 3 rulesets, 20 rules")


def test_a_text_is_read_as_it_was_written() -> None:
    case = Case("policy one\n\nallow all -> all : any\n", "cluster: one\nnodes: {}\n", inline=True)
    packets = (("packet", "tcp 10.0.0.1 -> 10.0.0.2:22 in eth0, new at dea1"), ("packet", "esp"))
    saved = parsed(written(case, Disagreement(Backend.NFT, (("backend", "iptables-nft"), *packets))))
    assert saved.case == case
    assert saved.backends == (Backend.NFT,)
    assert saved.packets == tuple(words for _, words in packets)
