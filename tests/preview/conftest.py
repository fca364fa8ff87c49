"""A preview over a small shop, served to a real Chromium; all of it once for the test process."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from preview_server import PreviewSettings, create_app, listen, server_of
from tests.preview.shop import small_shop

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(__file__).with_name("vendor") / "axe.min.js"
SCREENSHOTS = Path(__file__).resolve().parents[1] / "screenshots"


def pytest_collection_modifyitems(items):
    """All of these share one server and one browser, so they stay in one process."""
    for item in items:
        if "tests/preview/" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group("preview"))


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Path:
    return small_shop(tmp_path_factory.mktemp("preview") / "shop")


@pytest.fixture(scope="session")
def client(shop):
    """The app without a network, its host called as a browser would."""
    app = create_app(shop, settings=PreviewSettings(workers=1, watch=False))
    with TestClient(app, base_url="http://127.0.0.1:8787") as made:
        yield made


@contextmanager
def serving(shop):
    """The address of a real server over a workspace, with live reload."""
    app = create_app(shop, settings=PreviewSettings(workers=1))
    bound = listen()
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def served(shop):
    """The address of the server that most browser tests share."""
    with serving(shop) as address:
        yield address


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM, THE PAGES ARE NOT TESTED: install Debian's chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


class Window:
    """A page of the browser that notes what it complains about, and what it asks other hosts for."""

    def __init__(self, browser, served, width=1280, scheme="light"):
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, base_url=served
        )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", lambda message: self._hear(message))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._ask(request.url, served))

    def _hear(self, message):
        if message.type == "error":
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")

    def _ask(self, url, served):
        if not url.startswith((served, "data:", "about:")):
            self.outside.append(url)

    def open(self, path):
        self.page.goto(path)
        # The page itself, not the one that says how far the work on it is.
        self.page.wait_for_selector(".steps", state="detached", timeout=60_000)
        return self.page

    def expect_refusals(self):
        """The browser says what the mail's policy refused; anything else is still a complaint."""
        known = ("Content Security Policy", "Blocked script execution", "404 (Not Found)")
        self.complaints = [text for text in self.complaints if not any(part in text for part in known)]

    def barriers(self):
        """What axe-core finds serious or critical on the page, by WCAG 2.2 AA."""
        found = self._axe()
        return [
            f"{problem['id']}: {problem['nodes'][0]['html'][:200]} {problem['nodes'][0]['failureSummary']}"
            for problem in found["violations"]
            if problem["impact"] in ("serious", "critical")
        ]

    def _axe(self, tries=5):
        """A page that loads itself again meanwhile, since what it shows has changed, is looked at anew."""
        from playwright.sync_api import Error

        try:
            self.page.evaluate(AXE.read_text())
            return self.page.evaluate(
                "axe.run(document, {iframes: false, runOnly: "
                "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
            )
        except Error as error:
            if "navigation" not in str(error) or not tries:
                raise
        self.page.wait_for_load_state("load")
        return self._axe(tries - 1)

    def shoot(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@pytest.fixture
def window(chromium, served):
    """``window(width=390, scheme="dark")`` → a fresh window; it must have had nothing to complain about."""
    opened: list[Window] = []

    def make(width=1280, scheme="light"):
        opened.append(Window(chromium, served, width, scheme))
        return opened[-1]

    yield make
    for one in opened:
        one.context.close()
        assert one.complaints == []
        assert one.outside == []
