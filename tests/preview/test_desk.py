"""The desk keeps plans current, does again only what a change asks for, and never keeps a page waiting."""

import re
import shutil
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from mailwright.engine import compile_mail, outline, plan_campaign, planning
from mailwright.errors import MailwrightError
from mailwright.memberships import keep_memberships
from mailwright.progress import Stages
from preview import ground
from preview.census import take_census
from preview.desk import Desk
from preview.ground import request_for
from preview.insights import audit_of
from preview.mail import make_mail
from preview.settings import PreviewSettings
from preview.views import context
from preview.watched import Kind, kind_of
from preview.work import Work
from preview_server import create_app
from render import codegen


@pytest.fixture
def desk(shop, tmp_path):
    made = Desk(shutil.copytree(shop, tmp_path / "shop"), PreviewSettings(workers=1))
    yield made
    made.close()


@pytest.mark.parametrize(
    "page", ["sheet", "next", "segments", "compare", "approval", "find?q=a", "mail?id=x"]
)
def test_a_page_that_would_wait_shows_how_far_the_work_is(shop, monkeypatch, page):
    monkeypatch.setattr(context, "PATIENCE_S", 0.001)
    monkeypatch.setattr(Desk, "view", lambda *_, **__: time.sleep(0.2))
    app = create_app(shop, settings=PreviewSettings(workers=1, watch=False))
    with TestClient(app, base_url="http://127.0.0.1:8787") as client:
        answer = client.get(f"/c/newsletter/{page}", headers={"accept": "text/html"})
    assert answer.status_code == 200
    assert 'hx-get="/c/newsletter/progress"' in answer.text


def test_nobody_waits_for_a_glance(desk):
    entered, leave = threading.Event(), threading.Event()

    def busy():
        with desk._lock:
            entered.set()
            leave.wait(30)

    desk.ground()
    thread = threading.Thread(target=busy)
    thread.start()
    entered.wait(10)
    try:
        assert desk.glance().spec.name == "Fjord & Field"
    finally:
        leave.set()
        thread.join()


def test_who_gets_which_block_is_told_before_anything_is_recommended(desk):
    class Told(Work):
        at = ""

        def outlined(self, outline):
            super().outlined(outline)
            self.at = self.stage

    work = Told()
    view = desk.view("newsletter", stages=work)
    assert work.at == "admit"
    assert work.outline.outline.choices.columns.equals(view.plan.choices.columns)
    given = (view.plan.request, view.plan.source, view.plan.segmentation, view.plan.model)
    sent = plan_campaign(*given, Stages())  # as a run does, which chooses when the recommendations are there
    assert sent.choices.columns.equals(view.plan.choices.columns)
    assert work.outline.census == take_census(view.plan)


def test_the_first_campaign_is_compiled_once_while_the_data_are_read(desk, monkeypatch):
    compiled, reading = threading.Event(), ground.read_workspace
    monkeypatch.setattr(ground, "compile_mail", lambda *given: (compile_mail(*given), compiled.set())[0])
    monkeypatch.setattr(planning, "compile_mail", None)

    def read(*given, **named):
        assert compiled.wait(60)
        return reading(*given, **named)

    monkeypatch.setattr(ground, "read_workspace", read)
    first = desk.view("newsletter")
    assert not first.ground.compiling
    monkeypatch.undo()
    again = plan_campaign(
        first.plan.request, first.plan.source, first.plan.segmentation, first.plan.model, Stages()
    )
    assert again.fingerprint == first.plan.fingerprint


def test_an_error_in_the_first_campaign_says_where_and_is_mended_by_a_save(desk):
    block = desk.root / "blocks" / "hero" / "cabin.mjml"
    text = block.read_text()
    block.write_text(text.replace("</mj-text>", "{{ nobody_knows }}</mj-text>", 1))
    with pytest.raises(MailwrightError, match="nobody_knows"):
        desk.view("newsletter")
    block.write_text(text)
    assert desk.view("newsletter").error is None


def test_what_is_certain_ahead_is_so_by_the_settings_of_the_model(desk, monkeypatch):
    asked = []
    monkeypatch.setattr(outline, "fills_every_list", lambda *given, **_: asked.append(given[2]) or False)
    here = desk.ground()
    tuned = replace(here.model.info, tuning={"popularity_half_life_days": 3.5})
    plan_campaign(
        request_for(here, "newsletter", desk.settings),
        here.source,
        here.segmentation,
        replace(here.model, info=tuned),
        Stages(),
        outlined=lambda _: None,
    )
    assert [spec.popularity_half_life_days for spec in asked] == [3.5]


def test_a_page_of_what_is_known_says_what_is_still_coming(shop, monkeypatch):
    app = create_app(shop, settings=PreviewSettings(workers=1, watch=False))
    work = Work()
    app.state.desk.view("newsletter", stages=work)
    monkeypatch.setattr(app.state.desk, "begin", lambda _: (Future(), work))
    with TestClient(app, base_url="http://127.0.0.1:8787") as client:
        page = client.get("/c/newsletter").text
        assert "Who gets it" in page
        assert "Still coming" in page
        assert "/progress?until=all" in page
        assert "/checks" not in page
        assert "hx-refresh" in client.get("/c/newsletter/progress?until=outline").headers
        assert "Still coming" in client.get("/c/newsletter/progress?until=all").text
        assert "hx-refresh" not in client.get("/c/newsletter/progress").headers


def test_a_saved_block_changes_the_mails_and_nothing_else(desk):
    before = desk.view("newsletter")
    block = desk.root / "blocks" / "hero" / "cabin.mjml"
    block.write_text(block.read_text().replace("</mj-text>", "!</mj-text>", 1))
    desk.changed([Kind.LIBRARY])
    after = desk.view("newsletter")
    assert after.plan.compiled.fingerprint != before.plan.compiled.fingerprint
    assert after.plan.everyone is before.plan.everyone
    assert after.ground is before.ground


def test_only_a_save_that_touches_a_rule_chooses_blocks_again(desk):
    before = desk.view("newsletter")
    before.memo["census"] = "counted"
    block = desk.root / "blocks" / "hero" / "cabin.mjml"
    block.write_text(block.read_text().replace("</mj-text>", "!</mj-text>", 1))
    desk.changed([Kind.LIBRARY])
    words = desk.view("newsletter")
    assert words.plan.choices is before.plan.choices
    assert words.memo == {"census": "counted"}
    block.write_text(re.sub("(?m)^when: .*", "when: first_name = 'nobody at all'", block.read_text()))
    desk.changed([Kind.LIBRARY])
    assert not desk.view("newsletter", exact=False).settled
    rule = desk.view("newsletter")
    assert "hero/cabin" in before.plan.recipients["slot:hero"].to_pylist()
    assert "hero/cabin" not in rule.plan.recipients["slot:hero"].to_pylist()
    assert rule.memo == {}


def test_a_saved_campaign_keeps_the_audience_that_was_read(desk):
    before = desk.view("newsletter")
    file = desk.root / "campaigns" / "newsletter.yaml"
    file.write_text(file.read_text().replace("NOT segment('lapsed')", "segment('gold_club')"))
    desk.changed([Kind.CAMPAIGN])
    after = desk.view("newsletter")
    assert 0 < after.plan.recipients.num_rows < before.plan.recipients.num_rows
    assert after.plan.source is before.plan.source
    assert after.plan.model is before.plan.model


def test_what_does_not_work_stays_beside_the_last_that_did(desk):
    before = desk.view("newsletter")
    file = desk.root / "campaigns" / "newsletter.yaml"
    good = file.read_text()
    file.write_text(good.replace("template: newsletter", "template: newsleter"))
    desk.changed([Kind.CAMPAIGN])
    broken = desk.view("newsletter")
    assert "newsleter" in str(broken.error)
    assert broken.plan is before.plan
    file.write_text(good)
    desk.changed([Kind.CAMPAIGN])
    assert desk.view("newsletter").error is None


@pytest.mark.parametrize("grown", ["{{ 'a' * 300000000 }}", "{% set x = 'a' * 300000000 %}{{ x }}"])
def test_a_text_that_grows_without_end_takes_no_picture_away(desk, grown):
    before = desk.view("newsletter")
    row = before.plan.recipients["profile_id"][3].as_py()
    name = before.plan.recipients["slot:hero"][3].as_py()
    file = desk.root / "blocks" / f"{name}.mjml"
    good = file.read_text()
    file.write_text(good.replace("</mj-text>", f"{grown}</mj-text>", 1))
    desk.changed([Kind.LIBRARY])
    after = desk.view("newsletter")
    mail = make_mail(after.plan, row)
    assert mail.is_rendered
    assert len(mail.made["html"]) < 200_000
    told = str(after.error) if after.error else repr(mail.trace())
    assert file.name.removesuffix(".mjml") in told


def test_a_campaign_that_never_worked_is_its_error(desk):
    (desk.root / "campaigns" / "bad.yaml").write_text("template: nowhere\nsubject: Hi\n")
    with pytest.raises(MailwrightError, match="nowhere"):
        desk.view("bad")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("blocks/hero/a.mjml", Kind.LIBRARY),
        ("strings/no.yaml", Kind.LIBRARY),
        ("templates/x/sample.rich.json", Kind.LIBRARY),
        ("campaigns/a.yaml", Kind.CAMPAIGN),
        ("segments.yaml", Kind.SEGMENTS),
        ("mailwright.yaml", Kind.CONFIG),
        ("data/profiles.csv", Kind.DATA),
        ("blocks/hero/a.mjml~", None),
        ("blocks/hero/.a.mjml.swp", None),
        ("blocks/hero/a.new", None),
        (".mailwright/outbox.db", None),
        (".mailwright/learned/shopper_type/current.json", Kind.DATA),
        (".mailwright/models/current.json", Kind.DATA),
        (".mailwright/models/of-data/5bde/model.json", None),
        (".mailwright/promotions.jsonl", Kind.CAMPAIGN),
        ("out/x.html", None),
    ],
)
def test_what_a_file_is(tmp_path, path, kind):
    assert kind_of(tmp_path / path, tmp_path, tmp_path / "elsewhere") is kind


def test_what_changed_follows_a_run_that_is_kept_while_the_preview_runs(desk):
    now = desk.ground()
    earlier = now.now - timedelta(days=1)
    assert audit_of(now).audit.drift is None
    keep_memberships(now.workspace, now.source, now.segmentation, now=earlier)
    assert audit_of(now).audit.drift is not None


def test_the_sketch_of_a_save_is_the_mail_of_the_whole_campaign(desk):
    from preview.mail import chosen_row
    from preview.marked import marked_blocks, marked_html

    plan = desk.view("newsletter").plan
    cabin = [row["profile_id"] for row in plan.recipients.to_pylist() if row["slot:hero"] == "hero/cabin"]
    changes = (("</mj-text>", "!</mj-text>"), ("priority: ", "priority: 1"))
    for profile_id, change in zip(cabin, changes, strict=False):
        blocks = marked_blocks(marked_html(plan, chosen_row(plan, profile_id)[0]))
        desk.note_shown("newsletter", blocks)
        file = desk.root / "blocks" / f"{blocks[0]}.mjml"
        file.write_text(file.read_text().replace(*change, 1))
        desk.changed([Kind.LIBRARY], [file])
        quick = desk.quick_view("newsletter")
        sketched = marked_html(quick.plan, chosen_row(quick.plan, profile_id, settled=quick.settled)[0])
        whole = desk.view("newsletter")
        assert whole.plan is not quick.plan
        sent = marked_html(whole.plan, chosen_row(whole.plan, profile_id)[0])
        # The style sheet in the head also holds rules of blocks that this mail does not show.
        assert sketched.partition(b"<body")[2] == sent.partition(b"<body")[2]


def saved(desk, *, name="hero/cabin", old="</mj-text>", new="!</mj-text>"):
    """A block of the workspace, saved with one thing changed."""
    file = desk.root / "blocks" / f"{name}.mjml"
    file.write_text(file.read_text().replace(old, new, 1))
    desk.changed([Kind.LIBRARY], [file])


def test_a_picture_that_is_asked_for_while_a_save_is_compiled_is_the_new_one(desk):
    before = desk.view("newsletter").plan
    desk.note_shown("newsletter", ["hero/cabin"])
    saved(desk)
    with ThreadPoolExecutor(2) as threads:
        pictures = list(threads.map(desk.quick_view, ["newsletter", "newsletter"]))
    assert pictures[0].plan is pictures[1].plan
    assert pictures[0].plan is not before


def test_a_mail_of_other_blocks_than_those_on_the_screen_shows_whole_after_a_save(shop, tmp_path):
    root = shutil.copytree(shop, tmp_path / "shop")
    app = create_app(root, settings=PreviewSettings(workers=1, watch=False))
    with TestClient(app, base_url="http://127.0.0.1:8787") as client:
        desk = app.state.desk
        rows = desk.view("newsletter").plan.recipients.to_pylist()
        desk.note_shown("newsletter", ["hero/cabin"])
        saved(desk)
        assert desk.sketch("newsletter")
        other = next(row for row in rows if row["slot:hero"] != "hero/cabin")
        page = client.get("/c/newsletter/frame", params={"id": other["profile_id"]})
        assert f"<!--block:hero|{other['slot:hero']}-->" in page.text


def test_a_save_that_does_not_work_leaves_the_picture(desk):
    before = desk.view("newsletter").plan
    desk.note_shown("newsletter", ["hero/cabin"])
    saved(desk, new="{{ no_such_name }}</mj-text>")
    assert not desk.sketch("newsletter")
    assert desk.quick_view("newsletter").plan is before


def test_what_was_rehearsed_is_not_written_again_by_a_save(desk):
    before = desk.view("newsletter").plan
    desk.note_shown("newsletter", ["hero/cabin"])
    codegen._written.cache_clear()
    desk.rehearse()
    assert desk.quick_view("newsletter").plan is before
    written = codegen._written.cache_info().misses
    saved(desk)
    assert desk.sketch("newsletter")
    assert codegen._written.cache_info().misses - written == 2  # the block's HTML and its text


def test_campaigns_that_ask_for_the_same_share_what_is_recommended(desk):
    plan = desk.view("newsletter").plan
    other = desk.root / "campaigns" / "again.yaml"
    other.write_text((desk.root / "campaigns" / "newsletter.yaml").read_text())
    desk.changed([Kind.CAMPAIGN])
    again = desk.view("again").plan
    assert again.recommendations is plan.recommendations
    segments = desk.root / "segments.yaml"
    segments.write_text(segments.read_text() + "\n# saved\n")
    desk.changed([Kind.SEGMENTS])
    assert desk.view("again").plan.recommendations is not plan.recommendations
