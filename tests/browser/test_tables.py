"""Tables that sort, filter, unfold and turn pages."""

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.browser.conftest import Opened, Page
from tests.browser.trees import TREE, audit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def statements(page: Page) -> list[str]:
    """The ids of the lines that the register shows, in order."""
    shown = (
        "return [...document.querySelectorAll('#register-table tr[data-id]')]"
        ".filter((row) => row.getClientRects().length).map((row) => row.dataset.id)"
    )
    listed: list[str] = page.run(shown)
    return listed


def test_box_filters_the_matrix(opened: Opened) -> None:
    page = opened(TREE)
    page.one("#matrix-table-filter").send_keys("ROLE3 high udp")
    lines = page.lines("#matrix-table")
    assert lines
    assert all("role3" in line and "high" in line and "udp" in line for line in lines)
    assert page.one("#matrix .tools output").text == f"{len(lines)} of {len(TREE['matrix'])} lines"
    page.press(Keys.ESCAPE)
    page.one("#matrix-table-filter").clear()
    page.one("#matrix-table-filter").send_keys(" ")
    assert len(page.lines("#matrix-table")) == len(TREE["matrix"])


def test_heading_sorts_the_register_by_risk(opened: Opened) -> None:
    page = opened(TREE)
    heading = page.one("#register-table thead th:nth-child(2)")
    heading.find_element("tag name", "button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    levels = {"high": 3, "medium": 2, "low": 1, "none": 0}
    ranked = sorted(TREE["register"], key=lambda one: (levels[one["risk"]], one["score"]), reverse=True)
    assert statements(page) == [one["id"] for one in ranked]
    heading.find_element("tag name", "button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert statements(page)[-1] == ranked[0]["id"]


def test_line_of_the_register_unfolds_and_folds(opened: Opened) -> None:
    page = opened(TREE)
    one = TREE["register"][1]
    button = page.one(f'tr[data-id="{one["id"]}"] button.fold')
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "true"
    details = page.one("#register-table tr.details").text
    assert one["compiled"][0]["text"] in details
    assert "administration port +4" in details
    assert "NP401 until 2027-06-30: public by design (used)" in details
    assert "1,200 packets, 90,000 bytes on 2 nodes" in details
    button.send_keys(Keys.ENTER)
    assert page.all("#register-table tr.details") == []


def test_unfolded_line_goes_with_its_own(opened: Opened) -> None:
    page = opened(TREE)
    last = TREE["register"][-1]
    page.click(f'tr[data-id="{last["id"]}"] button.fold')
    page.one("#register-table-filter").send_keys(TREE["register"][0]["id"])
    assert statements(page) == [TREE["register"][0]["id"]]
    assert not page.one("#register-table tr.details").is_displayed()
    page.one("#register-table-filter").clear()
    page.click("#register-table thead th:nth-child(2) button")
    assert page.all("#register-table tr.details") == []


def test_security_group_is_drawn_when_it_is_opened(opened: Opened) -> None:
    page = opened(TREE)
    assert page.all("details.group table") == []
    page.click("details.group summary")
    page.driver.implicitly_wait(2)
    assert page.one("details.group tbody").text.startswith("in v4 tcp 22 outside")
    page.driver.implicitly_wait(0)


def test_five_thousand_nodes_stay_a_page_of_fifty(opened: Opened) -> None:
    page = opened(audit(5000, 40))
    page.click('[id="cell=role3/role8"]')
    assert page.panel() == "role3 → role8"
    page.press(Keys.ESCAPE)
    assert len(page.all("#nodes-table tbody tr")) == 50
    assert page.one("#node-list output").text == "1 to 50 of 5,000 nodes"
    page.click("#node-list button:last-of-type")
    assert page.one("#node-list output").text == "51 to 100 of 5,000 nodes"
    Select(page.one("#nodes-state")).select_by_value("not reached")
    assert page.one("#node-list output").text == "1 to 50 of 500 nodes"
    page.one("#nodes-filter").send_keys("ROLE40-4999")
    assert page.one("#node-list output").text == "1 to 1 of 1 node"
    page.click("#nodes-table tbody a")
    assert page.panel() == "Node role40-4999"
    assert "not reached" in page.one("#panel-body").text


def test_node_that_drifted_is_found_by_its_state(opened: Opened) -> None:
    page = opened(TREE)
    Select(page.one("#nodes-state")).select_by_value("drifted")
    assert [line.split()[0] for line in page.lines("#nodes-table")] == ["role2-1"]
