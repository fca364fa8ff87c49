"""One experiment, one profile, one arm: in the preview, in a run and in a triggered mail."""

from datetime import datetime, timedelta

import orjson
import pytest
from starlette.testclient import TestClient

from mailwright.engine import Request, plan, render_plan
from mailwright.model.workspace import EspSpec
from mailwright.progress import Stages
from mailwright.run import messages_of
from mailwright.workspace import open_workspace
from preview.mail import make_mail
from preview_server import PreviewSettings, create_app
from send import open_adapter, open_outbox
from tests.cli.conftest import NOW
from tests.cli.tested_shop import write_shop
from triggers import open_triggers
from triggers.recorded import recorded_messages

AT = datetime.fromisoformat(NOW)
EXPERIMENT = "experiments: { s: { arms: { plain: {}, loud: { subject: New hats } } } }\n"
PEOPLE = [f"p{n}" for n in range(1, 41)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    root = write_shop(tmp_path_factory.mktemp("arms") / "shop", EXPERIMENT)
    (root / "triggers").mkdir(exist_ok=True)
    (root / "triggers" / "seen.yaml").write_text("on: product_viewed\ncampaign: newsletter\n")
    return root


def arm(trace):
    return orjson.loads(trace)["experiments"]["s"]


def of_a_run(shop):
    made = plan(Request(open_workspace(shop), "newsletter", AT, 1, "first"), Stages())
    messages = (one for batch in render_plan(made) for one in messages_of(made.request, batch))
    return {one.profile_id: (arm(one.trace), one.subject) for one in messages if one.profile_id in PEOPLE}


def of_the_preview(shop):
    settings = PreviewSettings(workers=1, watch=False)
    with TestClient(create_app(shop, settings=settings), base_url="http://127.0.0.1:8787") as client:
        seen = client.app.state.desk.view("newsletter").plan
        messages = [make_mail(seen, name).message() for name in PEOPLE]
    return {one.profile_id: (arm(one.trace), one.subject) for one in messages}


def of_a_trigger(shop, folder):
    adapter = open_adapter(EspSpec(adapter="memory"), {}, root=folder)
    outbox = open_outbox(f"sqlite:///{folder}/t.db", clock=lambda: AT.timestamp())
    live = open_triggers(open_workspace(shop), outbox=outbox, adapter=adapter, now=AT)
    made = []
    make = live._firing._mails.make
    live._firing._mails.make = lambda *given: made.extend(found := make(*given)) or found
    call = {"type": "track", "event": "Product Viewed", "properties": {"product_id": "i1"}, "timestamp": NOW}
    live.ingest([{**call, "userId": name, "messageId": name} for name in PEOPLE], now=AT)
    live.fire_all(AT + timedelta(minutes=1))
    written = {
        row["profile_id"]: row["arms"][0]["arm"] for row in recorded_messages(outbox.db, {}).to_pylist()
    }
    outbox.close()
    messages = [one.message for one in made if one.message]
    assert written == {one.profile_id: arm(one.trace) for one in messages}
    return {one.profile_id: (arm(one.trace), one.subject) for one in messages}


def test_preview_run_and_trigger_give_a_profile_the_same_arm(shop, tmp_path):
    sent = of_a_run(shop)
    assert sorted(sent) == sorted(PEOPLE)
    assert {found for found, _ in sent.values()} == {"plain", "loud"}
    assert all((subject == "New hats") == (found == "loud") for found, subject in sent.values())
    assert of_the_preview(shop) == sent
    assert of_a_trigger(shop, tmp_path) == sent
