"""The pages in a real browser."""

import re
import time

import pytest

from tests.preview.addresses import PAGES


@pytest.fixture
def somebody(client):
    """The id of a recipient of the newsletter."""
    return client.app.state.desk.view("newsletter").plan.recipients["profile_id"][3].as_py()


def mail_frame(page):
    page.wait_for_selector("iframe[data-dressed]")
    until(lambda: page.evaluate("document.querySelector('#mail').clientHeight") > 300)
    return page.frame(url=re.compile("/frame"))


def until(happens, seconds=15):
    """Wait for something; the page's policy forbids the evaluated text of wait_for_function."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def words(page):
    return page.evaluate("document.querySelector('#mail').contentDocument?.body?.innerText ?? ''")


def test_a_block_is_named_under_the_pointer_and_opens_its_file(window, somebody):
    page = window().open(f"/c/newsletter/mail?id={somebody}")
    mail_frame(page)
    chosen = page.locator("#slot-hero h3").inner_text()
    page.locator("#mail").scroll_into_view_if_needed()
    box = page.locator("#mail").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 300)
    label = page.locator(".mark-label")
    assert label.inner_text().splitlines()[0] in chosen
    assert "lit" in page.locator("#slot-hero").get_attribute("class")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 300)
    page.wait_for_url(re.compile(r"/source\?file=blocks%2Fhero%2F.*#L\d+"))
    page.wait_for_selector(".aboutfile")  # what the checks say has replaced the lines meanwhile
    line = page.locator(".code li.lit")
    assert line.locator("span").first.inner_text().startswith("<mj-section")
    assert page.url.endswith("#" + line.get_attribute("id"))


@pytest.mark.parametrize("width", [1280, 390])
def test_each_inbox_shows_where_the_preheader_begins(window, somebody, width):
    page = window(width).open(f"/c/newsletter/mail?id={somebody}")
    for client in ("gmail", "apple", "outlook"):
        row = page.locator(f".{client} .inbox-row").bounding_box()
        said = page.locator(f".{client} .inbox-pre").bounding_box()
        assert said["x"] + 80 < row["x"] + row["width"], client
        assert row["y"] < said["y"] < row["y"] + row["height"], client


def test_what_is_wrong_at_a_field_leaves_the_heading_and_the_other_fields_where_they_are(window):
    made = window()
    page = made.open("/c/newsletter/compare?kind=versions&rev=nope")
    assert page.locator("#rev-problem").is_visible()
    assert page.locator("h1").bounding_box()["y"] < 160
    assert page.locator("#a").bounding_box()["y"] == page.locator("#rev").bounding_box()["y"]
    made.expect_refusals()  # the page's own 404 among them


def test_the_table_of_templates_fits_a_phone(window):
    page = window(390).open("/library")
    assert page.evaluate("(t => t.scrollWidth - t.clientWidth)(document.querySelector('.scroll'))") == 0


def test_all_who_are_found_stand_on_the_page_without_a_box_to_scroll_in(window):
    page = window().open("/c/newsletter/find?q=an")
    assert page.locator(".found li a").count() == 20
    assert "the first 20" in page.locator(".found").inner_text()
    assert page.evaluate("(f => f.scrollHeight - f.clientHeight)(document.querySelector('.found'))") == 0


def test_the_arm_of_an_experiment_is_told_once(window, somebody):
    page = window().open(f"/c/newsletter/mail?id={somebody}")
    assert page.locator(".trace h3", has_text=re.compile("experiment", re.I)).count() == 1


def test_a_save_shows_in_the_open_mail(window, somebody, shop):
    page = window().open(f"/c/newsletter/mail?id={somebody}")
    mail_frame(page)
    page.wait_for_selector("#live.on")
    name = page.locator("#slot-hero h3").inner_text().split()[-1]
    file = shop / "blocks" / f"{name}.mjml"
    before = file.read_text()
    try:
        part = file.with_suffix(".new")
        part.write_text(
            re.sub(
                r"(<mj-section[^>]*>)",
                r"\1<mj-column><mj-text>Brand new words</mj-text></mj-column>",
                before,
                count=1,
            )
        )
        part.replace(file)
        until(lambda: "Brand new words" in words(page))
        # An error shows in place, with its line; the last good picture stays.
        part.write_text(before.replace("<mj-section", "{{ no_such_name }}<mj-section", 1))
        part.replace(file)
        page.wait_for_selector("#filenote .note.bad")
        said = page.locator("#filenote").inner_text()
        assert "no_such_name" in said
        assert f"{name}.mjml" in said
        assert "Brand new words" in words(page)
        again = window().open(f"/c/newsletter/mail?id={somebody}")
        assert "no_such_name" in again.locator(".note.bad").inner_text()
        assert "Brand new words" in mail_frame(again).locator("body").inner_text()
    finally:
        file.write_text(before)
    until(lambda: "Brand new words" not in words(page))
    until(lambda: page.locator("#filenote").inner_text() == "")
    assert page.locator("#filenote").inner_text() == ""


def test_what_if_changes_mail_and_trace_and_is_a_link(window, client):
    ids = client.app.state.desk.view("newsletter").plan.everyone
    row = next(
        r
        for r in ids.to_pylist()
        if r["tier"] is None and r["first_name"] and "newsletter" in (r["consent"] or [])
    )
    page = window().open(f"/c/newsletter/mail?id={row['profile_id']}")
    page.click("#tab-whatif")
    page.select_option("#f-tier", "gold")
    page.fill("#f-points", "2500")
    page.fill("#f-first_name", "Zaphod")
    page.click("#panel-whatif .button.primary >> nth=0")
    page.wait_for_url(re.compile(r"set\.points=2500"))
    assert "set.tier=gold" in page.url
    assert "set.city" not in page.url
    page.click("#tab-why")
    assert page.locator("#slot-hero h3").inner_text().endswith("hero/gold_preview")
    assert page.locator("#slot-offer h3").inner_text().endswith("offer/points")
    assert "Zaphod" in page.locator("h1").inner_text()
    assert "2,500" in mail_frame(page).locator("body").inner_text()
    shared = window().open(page.url)
    assert shared.locator(".tag", has_text="what if").count() == 1


def test_a_link_of_which_something_cannot_be_shows_the_mail_without_it(client, somebody):
    imagined = "set.points=-5&set.first_name=Zaphod&event=order_completed+GONE-1+1h"
    answer = client.get(f"/c/newsletter/mail?id={somebody}&{imagined}")
    assert answer.status_code == 422
    assert "points: &#39;-5&#39; is out of range" in answer.text
    assert "there is no item &#39;GONE-1&#39;" in answer.text
    assert "Zaphod" in answer.text
    assert "set.points=-5" not in answer.text
    assert client.get(
        re.search(r'src="(/c/[^"]+/frame[^"]+)"', answer.text)[1].replace("&amp;", "&")
    ).is_success


def test_what_if_refuses_what_cannot_be_and_says_why(somebody, client):
    answer = client.get("/c/newsletter/mail", params={"id": somebody, "set.points": "many"})
    assert answer.status_code == 404 or answer.status_code == 422
    assert "points" in answer.text
    assert "a whole number" in answer.text
    answer = client.get("/c/newsletter/mail", params={"id": somebody, "set.pionts": "1"})
    assert "did you mean &#39;points&#39;?" in answer.text


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("points", "-5", "points: '-5' is out of range: at least 0"),
        ("birthday", "1901-02-03", "birthday: '1901-02-03' is out of range: from 1920-01-01 to 2020-12-31"),
        ("event", "order_completed KIT-01l 2d", "there is no item 'KIT-01l': did you mean 'KIT-"),
        ("event", "order_complete", "there is no event 'order_complete': did you mean 'order_completed'?"),
    ],
)
def test_what_cannot_be_is_said_at_its_field_and_the_mail_stays(window, somebody, field, typed, said):
    opened = window()
    page = opened.open(f"/c/newsletter/mail?id={somebody}&set.first_name=Zaphod")
    page.click("#tab-whatif")
    page.fill("#f-city", "Voss")
    page.fill(f"#f-{field}", typed)
    page.click("#panel-whatif .button.primary >> nth=0")
    told = page.locator(f"#f-{field}-problem")
    told.wait_for()
    assert said in told.inner_text()
    assert page.locator(f"#f-{field}").input_value() == typed
    assert page.locator(f"#f-{field}").get_attribute("aria-invalid") == "true"
    assert page.locator("#f-city").input_value() == "Voss"
    assert "Zaphod" in page.locator("h1").inner_text()
    assert opened.barriers() == []
    page.fill(f"#f-{field}", "")
    page.click("#panel-whatif .button.primary >> nth=0")
    page.wait_for_url(re.compile(r"set\.city=Voss"))


def test_a_script_in_a_name_stays_text(window, client):
    rows = client.app.state.desk.view("newsletter").plan.everyone.to_pylist()
    evil = next(row for row in rows if "<script" in (row["first_name"] or ""))
    opened = window()
    page = opened.open(f"/c/newsletter/mail?id={evil['profile_id']}")
    frame = mail_frame(page)
    assert "<script" in page.locator("h1").inner_text()
    assert frame.locator("script").count() == 0
    page.evaluate(
        "document.querySelector('#mail').contentDocument.body"
        ".insertAdjacentHTML('beforeend', '<img src=x onerror=\"parent.pwned=1\">')"
    )
    time.sleep(0.1)
    assert page.evaluate("window.pwned") is None
    opened.expect_refusals()


def test_dark_and_phone_and_pictures_off(window, somebody):
    opened = window(width=390, scheme="dark")
    page = opened.open(f"/c/newsletter/mail?id={somebody}&width=320&scheme=dark&pictures=off")
    frame = mail_frame(page)
    assert frame.evaluate("innerWidth") == 320
    assert frame.evaluate("getComputedStyle(document.documentElement).colorScheme").startswith("dark")
    assert frame.evaluate("[...document.images].every(image => image.naturalWidth === 0)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    opened.expect_refusals()


def test_keys_walk_through_the_recipients(window):
    page = window().open("/c/newsletter/next")
    first = page.url
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != first)
    page.keyboard.press("k")
    page.wait_for_url(first)
    page.fill("#q", "a")
    page.keyboard.type("j")  # typing is no command
    assert page.url == first
    page.wait_for_selector("#found .found")


def test_somebody_outside_is_found_only_when_asked_for_and_marked(window, client):
    plan = client.app.state.desk.view("newsletter").plan
    row = next(i for i, reason in enumerate(plan.admission.reasons) if reason == "unsubscribed")
    profile_id = plan.everyone["profile_id"][row].as_py()
    page = window().open("/c/newsletter/next")
    page.fill("#q", profile_id)
    page.wait_for_selector("#found li.soft")
    page.check("input[name=everyone]")
    page.wait_for_selector("#found a")
    page.click("#found a")
    page.wait_for_url(re.compile(profile_id))
    assert "unsubscribed" in page.locator(".mailhead .tag.bad").inner_text()


LOOKS = {f"{width}-{scheme}": (width, scheme) for width in (1280, 390) for scheme in ("light", "dark")}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_whole_and_accessible(window, name, look):
    width, scheme = LOOKS[look]
    opened = window(width, scheme)
    page = opened.open(PAGES[name])
    page.wait_for_load_state("load")
    page.wait_for_timeout(250)
    opened.shoot(f"{name}-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.barriers() == []
    if name == "error":
        opened.complaints.clear()  # the browser says 404 itself


def test_a_page_that_has_to_wait_shows_the_stages_and_then_itself(chromium, shop, monkeypatch):
    from preview.views import context
    from tests.preview.conftest import Window, serving

    monkeypatch.setattr(context, "PATIENCE_S", 0.001)
    with serving(shop) as address:
        opened = Window(chromium, address)
        page = opened.page
        page.goto("/c/newsletter")
        page.wait_for_selector(".steps .now")
        monkeypatch.setattr(context, "PATIENCE_S", 1.0)
        page.wait_for_selector("#h-reach", timeout=60_000)
        page.wait_for_selector("#exact .tag.good", timeout=60_000)
        opened.context.close()
        assert opened.complaints == []


def test_a_mail_is_saved_as_a_golden_test_and_overwritten_only_when_asked(window, somebody, shop):
    from render.golden import read_cases

    page = window().open(f"/c/newsletter/mail?id={somebody}&set.first_name=Zaphod")
    page.click("#tab-whatif")
    page.fill("#golden-name", "zaphod-in-november")
    page.click(".golden button")
    page.wait_for_selector(".saved")
    case = next(case for case in read_cases(shop / "tests") if case.name == "zaphod-in-november")
    assert case.spec.campaign == "newsletter"
    assert case.spec.profile["first_name"] == "Zaphod"
    assert (case.folder / "subject.txt").read_text().strip() in page.content()
    assert "</html>" in (case.folder / "mail.html").read_text(encoding="ascii")
    page.goto(f"/c/newsletter/mail?id={somebody}&set.first_name=Trillian")
    page.click("#tab-whatif")
    page.fill("#golden-name", "zaphod-in-november")
    page.click(".golden button")
    page.wait_for_selector("#golden-problem")
    assert "there is a test 'zaphod-in-november' already" in page.locator("#golden-problem").inner_text()
    assert "Trillian" in page.locator("h1").inner_text()
    assert "Zaphod" in (case.folder / "case.yaml").read_text(encoding="utf-8")
    page.check(".golden [name=overwrite]")
    page.click(".golden button")
    page.wait_for_selector(".saved")
    assert "Trillian" in (case.folder / "case.yaml").read_text(encoding="utf-8")
    assert "Zaphod" not in (case.folder / "mail.html").read_text(encoding="ascii")
    again = window()
    answer = again.context.request.post("/c/newsletter/golden?id=x", form={"name": "other"})
    assert answer.status == 403
    assert not (shop / "tests" / "other").exists()


def test_the_checks_of_a_campaign_are_counted_on_its_page(window):
    page = window().open("/c/newsletter")
    page.wait_for_selector("#h-checks + span .tag")


def test_settings_of_the_view_stay_from_mail_to_mail(window):
    page = window().open("/c/newsletter/next?scheme=dark&width=390")
    assert "scheme=dark" in page.url
    page.keyboard.press("j")
    page.wait_for_url(lambda url: "after=" not in url and "id=" in url and "scheme=dark" in url)
