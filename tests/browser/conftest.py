"""One headless Chromium for all tests, and the page of an audit opened in it."""

import json
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from netpolicy.report.audit.page import as_html
from tests.browser.trees import Tree

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # root has none
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no name leads anywhere, whatever a page asks for
    "--window-size=1440,1000",
)
TIMES = count(1)
LOGS = {"browser": "ALL", "performance": "ALL"}


def program(name: str) -> str:
    """Where a program of the system is; a missing one is a failure, and selenium downloads none."""
    found = shutil.which(name)
    assert found, f"no {name}: make browser-tools"
    return found


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = program("chromium")
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", LOGS)
    around = os.environ | {"TMPDIR": str(tmp_path_factory.mktemp("chromium"))}  # it leaves folders behind
    driver = Chrome(options=options, service=ChromeService(program("chromedriver"), env=around))
    yield driver
    driver.quit()


class Page:
    """An audit in the browser."""

    def __init__(self, driver: Chrome, file: Path) -> None:
        self.driver = driver
        self.file = file

    def open(self, fragment: str = "") -> None:
        # Where the fragment alone is new, a browser loads nothing.
        self.driver.get(f"{self.file.as_uri()}?{next(TIMES)}{fragment}")

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def lines(self, table: str) -> list[str]:
        """The text of the lines that a table shows."""
        shown = (
            "return [...document.querySelectorAll(arguments[0] + ' tbody > tr')]"
            ".filter((row) => row.getClientRects().length).map((row) => row.innerText)"
        )
        listed: list[str] = self.run(shown, table)
        return listed

    def click(self, selector: str) -> None:
        """A click in the middle of the window, where nothing that stays in place lies above it."""
        found = self.one(selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", found)
        found.click()

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def panel(self) -> str | None:
        """The title of the panel, or None while it is closed."""
        return self.one("#panel-title").text if self.one("#panel").is_displayed() else None

    def fragment(self) -> str:
        text = self.run("return location.hash")
        assert isinstance(text, str)
        return text

    def emulate(self, media: str = "", scheme: str = "light") -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})


def log(driver: Chrome, kind: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = driver.execute("getLog", {"type": kind})["value"]
    return entries


def complaints(driver: Chrome) -> list[str]:
    """What the console of the browser told since it was last asked."""
    return [entry["message"] for entry in log(driver, "browser")]


def requests(driver: Chrome) -> set[str]:
    """The addresses that the browser asked for since it was last asked, but for the file itself."""
    told = [json.loads(entry["message"])["message"] for entry in log(driver, "performance")]
    asked = {one["params"]["request"]["url"] for one in told if one["method"] == "Network.requestWillBeSent"}
    return {url.partition("?")[0] for url in asked}


Opened = Callable[..., Page]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Tree], Path]:
    """Writes the page of a document, once for each."""
    folder = tmp_path_factory.mktemp("pages")
    kept: list[tuple[Tree, Path]] = []

    def write(tree: Tree) -> Path:
        for known, file in kept:
            if known is tree:
                return file
        kept.append((tree, folder / f"audit-{len(kept)}.html"))
        kept[-1][1].write_text(as_html(tree), encoding="utf-8")
        return kept[-1][1]

    return write


@pytest.fixture
def opened(chromium: Chrome, written: Callable[[Tree], Path]) -> Generator[Opened, None, None]:
    """Opens a page, or that of a document; the console stays empty, and only the file is loaded."""
    pages: list[Page] = []

    def open_page(what: Tree | Path, fragment: str = "") -> Page:
        page = Page(chromium, what if isinstance(what, Path) else written(what))
        page.emulate()
        pages.append(page)
        page.open(fragment)
        return page

    complaints(chromium), requests(chromium)
    yield open_page
    assert complaints(chromium) == []
    assert requests(chromium) == {page.file.as_uri() for page in pages}
