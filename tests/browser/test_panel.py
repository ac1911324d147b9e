"""What a reader opens, how it closes, and that the address leads to it again."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import Opened, Page
from tests.browser.trees import TREE

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

FIRST = TREE["register"][0]["id"]


def square(page: Page, source: str, destination: str) -> None:
    page.click(f'[id="cell={source}/{destination}"]')


def focused(page: Page) -> str:
    """What has the focus: where it leads to, or its id."""
    text = page.run("const e = document.activeElement; return e.dataset.to || e.getAttribute('href') || e.id")
    assert isinstance(text, str)
    return text


def test_square_opens_its_flows(opened: Opened) -> None:
    page = opened(TREE)
    assert page.panel() is None
    square(page, "role3", "role8")
    assert page.panel() == "role3 → role8"
    assert page.fragment() == "#cell=role3/role8"
    [cell] = [one for one in TREE["matrix"] if (one["source"], one["destination"]) == ("role3", "role8")]
    told = page.one("#panel-body").text
    for service in cell["services"]:
        assert service["text"] in told
        assert service["witness"]["packet"] in told
        assert service["witness"]["line"] in told
    [statement] = [one for one in TREE["register"] if one["id"] == cell["services"][0]["statements"][0]]
    assert f"allow {statement['text']} {statement['file']}:{statement['line']}" in told
    assert f"owner {statement['owner']}" in told
    assert page.one("#told").get_attribute("textContent") == "From role3 to role8: 5 services, risk high."


def test_empty_square_says_that_nothing_passes(opened: Opened) -> None:
    page = opened(TREE)
    square(page, "role1", "outside")
    assert "Nothing passes." in page.one("#panel-body").text


def test_escape_closes_and_gives_the_focus_back(opened: Opened) -> None:
    page = opened(TREE)
    square(page, "role3", "role8")
    assert focused(page) == "panel-title"
    page.press(Keys.ESCAPE)
    assert page.panel() is None
    assert focused(page) == "cell=role3/role8"
    assert page.fragment() == ""


def test_back_button_goes_through_what_was_open(opened: Opened) -> None:
    page = opened(TREE)
    square(page, "role3", "role8")
    page.click("#panel .service a.id")
    title = page.panel()
    assert title is not None
    assert title.startswith("Statement ")
    page.driver.back()
    assert page.panel() == "role3 → role8"
    page.driver.back()
    assert page.panel() is None
    page.driver.forward()
    assert page.panel() == "role3 → role8"


@pytest.mark.parametrize(
    ("fragment", "title"),
    [
        ("#cell=role3/role8", "role3 → role8"),
        (f"#rule={FIRST}", f"Statement {FIRST}"),
        ("#role=role3", "Role role3"),
        ("#node=role2-1", "Node role2-1"),
        ("#cell=role3/nobody", None),
        ("#rule=%E0", None),
        ("#register", None),
    ],
)
def test_address_opens_what_it_names(opened: Opened, fragment: str, title: str | None) -> None:
    page = opened(TREE, fragment)
    assert page.panel() == title
    if title:
        page.press(Keys.ESCAPE)
        assert page.panel() is None


@pytest.mark.parametrize("fragment", ["cell=role12/role12", "role=role6"])
def test_address_brings_what_it_names_into_view(opened: Opened, fragment: str) -> None:
    page = opened(TREE, f"#{fragment}")
    top, bottom, height = page.run(
        "const box = document.querySelector('.cell.chosen, .dot.chosen').getBoundingClientRect();"
        "return [box.top, box.bottom, innerHeight]"
    )
    assert 0 <= top < bottom <= height
    page.press(Keys.ESCAPE)
    assert focused(page) == fragment


def test_keyboard_alone_reaches_a_square_and_what_it_opens(opened: Opened) -> None:
    page = opened(TREE)
    page.run("document.querySelector('#exposed').focus()")
    for _ in range(60):
        page.press(Keys.TAB)
        if focused(page).startswith("cell="):
            break
    # The exposed service's own link leads to a square as well: what has the focus is the picture's.
    assert page.run("return document.activeElement.closest('svg').id") == "heatmap"
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.ARROW_RIGHT)
    assert focused(page) == "cell=outside/role1"
    assert page.run("return document.activeElement.matches(':focus-visible')")
    page.press(Keys.ENTER)
    assert page.panel() == "outside → role1"
    page.press(Keys.TAB)
    assert focused(page) == "panel-close"
    page.press(Keys.ENTER)
    assert page.panel() is None
    assert focused(page) == "cell=outside/role1"
    page.press(Keys.ARROW_UP)
    page.press(Keys.SPACE)
    assert page.panel() == "Role role1"


def test_picture_is_one_stop_for_the_tab_key(opened: Opened) -> None:
    page = opened(TREE)
    for picture in ("#heatmap", "#rolegraph"):
        assert len(page.all(f'{picture} [tabindex="0"]')) == 1
    square(page, "role3", "role8")
    assert [one.get_attribute("data-to") for one in page.all('#heatmap [tabindex="0"]')] == ["cell=role3/role8"]


def test_role_marks_its_arrows_and_narrows_the_matrix(opened: Opened) -> None:
    page = opened(TREE)
    page.click('#rolegraph [data-name="role8"]')
    assert page.panel() == "Role role8"
    for kind, end in (("sends", "source"), ("receives", "destination")):
        marked = page.all(f"#rolegraph .{kind}")
        assert {one.get_attribute(f"data-{end}") for one in marked} == {"role8"}
    of_role = [one for one in TREE["matrix"] if "role8" in (one["source"], one["destination"])]
    assert len(page.lines("#matrix-table")) == len(of_role)
    page.click("#matrix .chip")
    assert page.panel() is None
    assert len(page.lines("#matrix-table")) == len(TREE["matrix"])
    assert page.all("#rolegraph .sends") == []
