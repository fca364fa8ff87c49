"""How long people wait for the preview: ``python bench/preview.py [--json] [--people 5000,1000000]``.

``first_page_ms`` is the list of campaigns of a workspace that nobody has opened yet (its model trained);
``mail_ms`` a mail and the page around it for 200 recipients; ``reload_ms`` runs in Chromium, from the
replacement of a block's file to the load of the frame that shows it; ``campaign_page_ms`` is, by the number
of profiles, the page with all that is columnar: the first time, with the reading of the data, and again.
``first`` ends when everything is there that needs no mail rendered, ``counted`` when audience, reasons for no
mail, variants, blocks and segments are and recommendations are still made.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# This file has the room's name; without this it would be imported in its place.
sys.path.remove(str(Path(__file__).resolve().parent))

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import uvicorn

from mailwright.engine import read_workspace, trained_model
from mailwright.model.garbage import collect_seldom
from mailwright.models import shelf
from mailwright.workspace import open_workspace
from preview_server import PreviewSettings, create_app, listen
from recommend.model import Model

ROOT = Path(__file__).resolve().parent.parent
SHOP = ROOT / "examples" / "shop"
MADE = ("data", "assets", ".mailwright", "out", "maker", "__pycache__")
MAILS, RELOADS = 200, 30
PATIENCE_S = 1_800
SMALL = 5_000
ACTIVE = 5
"""One copy of so many has events."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options.add_argument("--people", default="5000,1000000", help="sizes of the campaign page's audience")
    options.add_argument("--no-browser", action="store_true", help="leave reload_ms out")
    given = options.parse_args()
    with TemporaryDirectory() as folder:
        found = measure(
            Path(folder), [int(size) for size in given.people.split(",") if size], not given.no_browser
        )
    text = json.dumps(found) if given.json else json.dumps(found, indent=2)
    sys.stdout.write(text + "\n")


def measure(folder: Path, sizes: list[int], browser: bool) -> dict[str, Any]:
    """All figures; each audience in a workspace of its own."""
    shop = make_shop(folder / "shop", SMALL)
    train(shop)
    found: dict[str, Any] = {}
    with served(shop) as address, httpx.Client(base_url=address, timeout=PATIENCE_S) as client:
        found["first_page_ms"] = timed(lambda: client.get("/"))
        wait_for_campaign(client)
        found |= time_mails(client)
        if browser:
            found["reload_ms"] = time_reloads(address, shop, some_recipient(client))
    pages = {}
    for size in sizes:
        space = shop if size == SMALL else make_shop(folder / f"shop-{size}", size)
        if space != shop:
            put_model(shop, space, copies=-(-size // SMALL))
        pages[str(size)] = time_campaign(space)
    return found | {"campaign_page_ms": pages}


def make_shop(folder: Path, people: int) -> Path:
    """The example shop with so many people: those it has, again and again under other numbers.

    One copy in five has done what its original did, the others nothing yet: at a million people these are
    five million events, and most of the audience is as quiet as that of a real list.
    """
    shutil.copytree(SHOP, folder, ignore=shutil.ignore_patterns(*MADE))
    subprocess.run([sys.executable, str(SHOP / "generate.py"), "--out", str(folder)], check=True)
    if people > SMALL:
        _multiply(folder / "data", people)
    return folder


def _multiply(data: Path, people: int) -> None:
    with (data / "profiles.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or ())
        rows = [row for row in reader if row["customer_number"]][30:]
    copies = -(-people // len(rows))
    with (data / "profiles.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for copy in range(copies):
            for row in rows[: people - copy * len(rows)]:
                mail = row["mail"].replace("@", f"+{copy}@") if copy and row["mail"] else row["mail"]
                writer.writerow(
                    row | {"customer_number": _number(row["customer_number"], copy), "mail": mail}
                )
    events = pq.read_table(data / "interactions.parquet")
    place = events.column_names.index("profile_id")
    many = []
    for copy in range(0, copies, ACTIVE):
        ids = (
            events["profile_id"]
            if not copy
            else pc.binary_join_element_wise(events["profile_id"], str(copy), "-")
        )
        many.append(events.set_column(place, "profile_id", ids.cast(pa.string())))
    pq.write_table(pa.concat_tables(many), data / "interactions.parquet")


def _number(number: str, copy: int) -> str:
    return f"{number}-{copy}" if copy else number


def train(shop: Path) -> Model:
    """Have the model ready, as it is for whoever opens the preview of a workspace in use."""
    workspace = open_workspace(shop)
    now = workspace.spec.clock or datetime.now(UTC)
    audience = read_workspace(workspace, now=now).audience
    return trained_model(workspace, audience, now=now, seed=workspace.spec.seed)


def put_model(small: Path, shop: Path, copies: int) -> None:
    """The small shop's model in place in the large one, with everybody in it who did something: the copies
    have the factors of their originals, as they have their history."""
    model = train(small)
    names = model.profile_ids.to_pylist()
    ids = [_number(name, copy) for copy in range(0, copies, ACTIVE) for name in names]
    order = np.argsort(np.array(ids))
    rows = order % len(model.profile_ids)
    large = replace(
        model,
        profile_ids=pa.array([ids[row] for row in order]),
        profile_factors=model.profile_factors[rows],
        profile_bias=model.profile_bias[rows],
        seen_events=model.seen_events[rows],
        seen_last=model.seen_last[rows],
        info=replace(model.info, profiles=len(ids)),
        fingerprint=f"{model.fingerprint} × {copies}",
    )
    versions = shelf(open_workspace(shop))
    versions.promote(versions.add(large))


@contextmanager
def served(shop: Path) -> Iterator[str]:
    """The address of a preview of the workspace, in a thread of this process; garbage is looked for as seldom
    as the command does."""
    collect_seldom()
    app = create_app(shop, settings=PreviewSettings(workers=1))
    bound = listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return round((time.perf_counter() - started) * 1000, 1)


def wait_for_campaign(client: httpx.Client) -> None:
    """Until the page of the campaign has all that is columnar, asking as the page does."""
    wait_for(client, lambda page: "Who gets it" in page)
    while "hx-refresh" not in client.get("/c/newsletter/progress?until=all").raise_for_status().headers:
        time.sleep(0.2)
    wait_for(client, lambda page: "Still coming" not in page)


def wait_for(client: httpx.Client, done: Callable[[str], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not done(client.get("/c/newsletter").raise_for_status().text):
        if time.monotonic() > end:
            raise SystemExit("the campaign's page did not come")
        time.sleep(0.05)


def wait_for_figures(client: httpx.Client) -> None:
    """Until the pass over all mails is done, so that it does not slow down what is measured."""
    while "hx-get" in client.get("/c/newsletter/exact").raise_for_status().text:
        time.sleep(0.2)


def some_recipient(client: httpx.Client) -> str:
    place = client.get("/c/newsletter/random").headers["location"]
    return str(httpx.URL(place).params["id"])


def time_mails(client: httpx.Client) -> dict[str, Any]:
    """``mail_ms``: the mail as its frame gets it; ``mail_page_ms``: the page around it, with the trace."""
    wait_for_figures(client)
    people = [some_recipient(client) for _ in range(MAILS)]
    frames = [timed(lambda who=who: client.get("/c/newsletter/frame", params={"id": who})) for who in people]  # type: ignore[misc]
    pages = [timed(lambda who=who: client.get("/c/newsletter/mail", params={"id": who})) for who in people]  # type: ignore[misc]
    return {"mail_ms": spread(frames), "mail_page_ms": spread(pages)}


def time_reloads(address: str, shop: Path, profile_id: str) -> dict[str, float]:
    """From a block's replacement to the load of the frame, in Chromium; the clock is the same machine's."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise SystemExit("reload_ms needs Chromium: install it, or leave it out with --no-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/c/newsletter/mail?id={profile_id}")
        page.wait_for_selector("#live.on")
        page.wait_for_selector("iframe[data-dressed]")
        name = page.locator("#slot-hero h3").inner_text().split()[-1]
        taken = [_reload(page, block_file(shop, name), number) for number in range(RELOADS)]
        browser.close()
    return spread(taken)


def block_file(shop: Path, name: str) -> Path:
    """The block's file in the workspace; a shipped one is copied there first."""
    file = shop / "blocks" / f"{name}.mjml"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "blocks" / f"{name}.mjml", file)
        time.sleep(2)
    return file


def _reload(page: Any, file: Path, number: int) -> float:
    """Milliseconds of one save of other words; the page is left to come to rest before and after."""
    page.wait_for_timeout(1_200)
    words = f"Saved {number} times"
    text = re.sub(r" Saved \d+ times ", "", file.read_text())
    part = file.with_suffix(".new")
    part.write_text(re.sub(r"(<mj-text[^>]*>)", rf"\1 {words} ", text, count=1))
    page.evaluate(
        "words => { window.loaded = new Promise(done => document.addEventListener('mail:shown', event => {"
        " if (document.querySelector('#mail').contentDocument.body.textContent.includes(words))"
        " done(performance.timeOrigin + event.detail) })) }",
        words,
    )
    started = time.time() * 1000
    part.replace(file)
    ended = page.evaluate("() => window.loaded")
    return float(ended - started)


def time_campaign(shop: Path) -> dict[str, float]:
    """The campaign's page on a fresh server that has read nothing: from the first request until it shows all
    that is columnar, and again."""
    with served(shop) as address, httpx.Client(base_url=address, timeout=PATIENCE_S) as client:
        counted = timed(lambda: wait_for(client, lambda page: "Who gets it" in page))
        first = counted + timed(lambda: wait_for_campaign(client))
        again = [timed(lambda: client.get("/c/newsletter")) for _ in range(5)]
    return {"counted": counted, "first": round(first, 1), "again": spread(again)["p50"]}


def spread(values: list[float]) -> dict[str, float]:
    return {name: round(float(np.percentile(values, at)), 1) for name, at in (("p50", 50), ("p95", 95))}


if __name__ == "__main__":
    main()
