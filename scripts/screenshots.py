"""Take the README's pictures of the preview: ``make screenshots`` writes docs/images/preview-*.png.

A real Chromium looks at the example shop as the preview serves it, so the pictures are of what there is.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from playwright.sync_api import sync_playwright

from preview_server import PreviewSettings, create_app, listen

ROOT = Path(__file__).resolve().parent.parent
SHOP = ROOT / "examples" / "shop"
IMAGES = ROOT / "docs" / "images"


@dataclass(frozen=True)
class Shot:
    """One picture: its name, the page, and how large the window is."""

    name: str
    path: str
    width: int = 1280
    height: int = 860
    scheme: str = "light"


SHOTS = (
    Shot("campaign", "/c/newsletter", height=1320),
    Shot("mail", "/c/newsletter/next?segment=gold_club", height=900),
)


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("The pictures are taken with Chromium: install it and run this again.")
    if not (SHOP / "data" / "profiles.csv").exists():
        subprocess.run([sys.executable, str(SHOP / "generate.py")], check=True)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with served() as address, sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        warm(browser, address)
        for shot in SHOTS:
            take(browser, address, shot)
        browser.close()


@contextmanager
def served() -> Iterator[str]:
    """The address of a preview of the example shop."""
    app = create_app(SHOP, settings=PreviewSettings(watch=False))
    bound = listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def warm(browser: Any, address: str) -> None:
    """Wait until the campaign has all its figures."""
    page = browser.new_page()
    page.goto(f"{address}/c/newsletter")
    page.wait_for_selector("#exact .tag.good", timeout=300_000)
    page.close()


def take(browser: Any, address: str, shot: Shot) -> None:
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.scheme, device_scale_factor=2
    )
    page = context.new_page()
    page.goto(address + shot.path, wait_until="load")
    page.wait_for_timeout(1_500)
    path = IMAGES / f"preview-{shot.name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:  # 256 colours are enough, and a third of the bytes
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    context.close()
    sys.stdout.write(f"docs/images/preview-{shot.name}.png\n")


if __name__ == "__main__":
    main()
