"""What is read is readable, on a screen and on paper, and hostile text stays text."""

from itertools import pairwise

import pytest

from tests.browser.conftest import Opened
from tests.browser.trees import TREE, audit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

HOSTILE = ("</script><img src=x onerror=alert(1)>", '"><svg onload=alert(2)>', "{{ 7 * 7 }}/#&%41\u2028x")
LEAST = 4.5
NAMED = "(one) => document.getElementById(one.getAttribute('aria-labelledby')).textContent"

# Texts whose contrast with what lies behind them is too low: behind HTML the nearest ground that is painted, behind
# a letter in a picture the square of its own group.
CONTRAST = """
const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const parts = (text) => (text.match(/[0-9.]+/g) || [0, 0, 0, 0]).map(Number);
const painted = (text) => text && text !== "none" && (parts(text)[3] ?? 1) > 0;
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
function ground(of) {
  const square = of instanceof SVGElement && of.parentElement.querySelector(":scope > rect");
  if (square && painted(getComputedStyle(square).fill)) return getComputedStyle(square).fill;
  for (let one = of; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (painted(colour)) return colour;
  }
  return "rgb(255, 255, 255)";
}
const found = [];
let seen = 0;
for (const one of document.body.querySelectorAll("*")) {
  const own = [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
  if (!own || one.matches("script, title, :disabled, option") || !one.getClientRects().length) continue;
  const style = getComputedStyle(one);
  if (style.visibility === "hidden") continue;
  const ink = one instanceof SVGElement ? style.fill : style.color;
  const [a, b] = [light(parts(ink)), light(parts(ground(one)))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  seen += 1;
  if (ratio < arguments[0]) found.push(`${one.tagName}.${one.getAttribute("class")} ${one.textContent}: ${ratio}`);
}
return [seen, [...new Set(found)]];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(opened: Opened, scheme: str) -> None:
    page = opened(TREE, "#cell=role3/role8")
    page.emulate(scheme=scheme)
    page.run("for (const one of document.querySelectorAll('details')) one.open = true")
    page.click("button.fold")
    dark = page.run("return matchMedia('(prefers-color-scheme: dark)').matches")
    assert dark == (scheme == "dark")
    assert page.run("return getComputedStyle(document.body).backgroundColor") != ("rgb(255, 255, 255)" if dark else "")
    seen, low = page.run(CONTRAST, LEAST)
    assert seen > 500
    assert low == []


def test_names_and_reasons_stay_text(opened: Opened) -> None:
    tree = audit(names=HOSTILE, reason=HOSTILE[0])
    page = opened(tree)
    assert page.all("img, [onload], [onerror]") == []
    for number, name in enumerate(HOSTILE):
        page.click(f'#rolegraph [data-column="{number + 2}"]')
        assert page.run("return document.getElementById('panel-title').textContent") == f"Role {name}"
        again = page.fragment()
        page.open(again)
        assert page.run("return document.getElementById('panel-title').textContent") == f"Role {name}"
    page.click("button.fold")
    page.click('#register-table a[href^="#rule="]')
    assert HOSTILE[0] in page.one("#panel-body").text
    assert page.all("img, [onload], [onerror]") == []


def test_paper_has_the_tables_whole_and_nothing_to_click(opened: Opened) -> None:
    page = opened(TREE, "#cell=role3/role8")
    page.one("#matrix-table-filter").send_keys("role3")
    page.emulate(media="print")
    for selector in ("#panel", "nav", ".tools", "#node-list", "button.fold"):
        assert not any(one.is_displayed() for one in page.all(selector)), selector
    for selector in ("#exposed-table", "#heatmap", "#register-table", "#promises-table", "#exceptions-table"):
        assert page.one(selector).is_displayed(), selector
    assert len(page.lines("#matrix-table")) == len(TREE["matrix"])
    assert page.run("return getComputedStyle(document.body).paddingRight") == "0px"
    page.driver.set_window_size(1050, 800)  # the width of the paper: nothing stands out of it
    wide = "return [...document.querySelectorAll('table')].filter((t) => t.scrollWidth > innerWidth).map((t) => t.id)"
    assert page.run(wide) == []
    page.driver.set_window_size(1440, 1000)


def test_narrow_window_scrolls_tables_and_not_the_page(opened: Opened) -> None:
    page = opened(TREE)
    page.driver.set_window_size(700, 900)
    page.click('[id="cell=role3/role8"]')
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    assert page.panel() == "role3 → role8"
    page.driver.set_window_size(1440, 1000)


def test_headings_and_tables_are_marked_up(opened: Opened) -> None:
    page = opened(TREE, "#cell=role3/role8")
    assert page.run("return document.querySelectorAll('th:not([scope])').length") == 0
    assert (
        page.run("return [...document.querySelectorAll('input, select')].filter((i) => !i.labels.length).length") == 0
    )
    levels = page.run("return [...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))")
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.run("return ['header', 'nav', 'main', 'aside'].every((t) => document.body.querySelector(t))")
    assert page.run(f"return [...document.querySelectorAll('[aria-labelledby]')].every({NAMED})")
    ids = page.run("return [...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
