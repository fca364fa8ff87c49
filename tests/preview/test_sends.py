"""The sends page: a send under way is followed without loading the page again."""

import asyncio
import threading
import time
from dataclasses import replace

import pytest

from mailwright.outboxes import workspace_outbox
from mailwright.progress import Stages
from mailwright.underway import Underway, told
from preview.mail import make_mail
from send import DeliveryPolicy, deliver
from send.adapters.memory import Memory
from send.outbox.enlist import enlist
from send.prepare import Preparer
from tests.preview.test_browser import until


class Gated(Memory):
    """Takes a few mails, then waits until the gate is open."""

    def __init__(self, few):
        super().__init__(None)
        self.few, self.gate = few, threading.Event()

    async def send(self, call):
        if len(self.sent) >= self.few:
            await asyncio.to_thread(self.gate.wait, 60)
        return await super().send(call)


@pytest.fixture
def messages(client):
    view = client.app.state.desk.view("newsletter")
    people = view.plan.recipients["profile_id"].to_pylist()[:12]
    return [make_mail(view.plan, profile_id).message() for profile_id in people]


def test_a_send_under_way_is_followed_to_its_end(window, client, messages):
    workspace = client.app.state.desk.workspace()
    adapter = Gated(few=4)

    def send():
        outbox = workspace_outbox(workspace)
        try:
            deliver(messages, adapter=adapter, outbox=outbox)
        finally:
            outbox.close()

    sending = threading.Thread(target=send)
    sending.start()
    try:
        until(lambda: len(adapter.sent) >= 4)
        opened = window()
        page = opened.open("/sends")
        assert "under way" in page.locator(".sendlist").inner_text()
        page.evaluate("document.body.dataset.same = 'page'")
        adapter.gate.set()
        until(lambda: "accepted 12" in page.locator(".sendlist").inner_text())
        assert page.evaluate("document.body.dataset.same") == "page"
        until(lambda: "under way" not in page.locator(".sendlist").inner_text())
    finally:
        adapter.gate.set()
        sending.join(30)
    page.click(".sendlist a")
    page.wait_for_selector("table")
    assert page.locator("tbody tr").count() == 12
    assert messages[0].to.email in page.locator("tbody").inner_text()
    assert opened.barriers() == []


def test_a_send_whose_process_died_is_not_under_way(client, messages):
    outbox = workspace_outbox(client.app.state.desk.workspace())
    messages = [replace(one, occasion="died", message_id=f"{one.message_id}-died") for one in messages]
    preparer = Preparer(Memory(None), DeliveryPolicy())
    told = {"adapter": "memory", "purpose": None, "hash_address": outbox.hash_address}
    entries = [preparer.prepare(message) for message in messages]
    enlist(outbox.db, entries, **told, now=outbox.clock(), run_started=outbox.clock())
    lock = outbox.sender_lock()
    lock.acquire()
    until(lambda: "under way" in client.get("/sends").text)
    lock.release()
    page = client.get("/sends").text
    assert "under way" not in page
    assert "12 not sent, and nobody is sending" in page
    assert "<code>mailwright outbox deliver</code>" in page
    outbox.operators.pause(messages[0].campaign, messages[0].occasion)
    assert "mailwright outbox resume --campaign newsletter --occasion" in client.get("/sends").text
    outbox.close()


def test_a_send_whose_mails_are_still_rendered_is_shown_until_the_outbox_knows_it(window, client):
    state, stages = client.app.state.desk.workspace().state, Stages()
    opened = window()
    with told(state, Underway("newsletter", "coming", rehearsal=False), stages):
        with stages("read"):
            assert "being made" in client.get("/sends").text
        with stages("render") as progress:
            page = opened.open("/sends")
            assert "rendering" in page.locator(".sendlist").first.inner_text()
            stages.watch("render", 0, 0)
            time.sleep(0.6)
            progress(1_000, 5_000)
            until(lambda: "1,000 of 5,000" in page.locator(".sendlist").first.inner_text())
            assert opened.barriers() == []
        with stages("send"):
            assert "about to be sent" in client.get("/sends").text  # the outbox does not know it yet
    until(lambda: "coming" not in page.locator("#sends").inner_text())


def test_an_open_page_notices_that_a_send_begins_and_is_left_alone_until_then(window, client):
    workspace, stages = client.app.state.desk.workspace(), Stages()
    page = window().open("/sends")
    seen = page.locator("#sends").get_attribute("hx-get")
    assert client.get(seen).status_code == 204
    with told(workspace.state, Underway("newsletter", "begun", rehearsal=False), stages), stages("render"):
        until(lambda: "begun" in page.locator("#sends").inner_text())
        assert client.get(seen).status_code == 200
