"""What differs between two mails, two versions, and a template's samples."""

import re
import shutil
import subprocess

import pytest
from starlette.testclient import TestClient

from preview.compare import Piece, differing_words
from preview_server import PreviewSettings, create_app


@pytest.mark.parametrize(
    ("left", "right", "pieces"),
    [
        ("a b", "a b", [Piece("same", "a b")]),
        (
            "a b c",
            "a x c",
            [Piece("same", "a "), Piece("left", "b"), Piece("right", "x"), Piece("same", " c")],
        ),
        ("a b c", "x y c", [Piece("left", "a b"), Piece("right", "x y"), Piece("same", " c")]),
        ("", "new", [Piece("right", "new")]),
        ("old", "", [Piece("left", "old")]),
        ("", "", []),
    ],
)
def test_differing_words(left, right, pieces):
    assert differing_words(left, right) == pieces


def test_both_texts_can_be_read_back():
    left, right = "one two\nthree  four five", "two three\nfour 5"
    pieces = differing_words(left, right)
    assert "".join(piece.text for piece in pieces if piece.kind != "right") == left
    assert "".join(piece.text for piece in pieces if piece.kind != "left") == right


@pytest.fixture(scope="module")
def versioned(shop, tmp_path_factory):
    """A preview of a shop under git whose cabin block was changed after the first commit."""
    folder = tmp_path_factory.mktemp("versions") / "shop"
    shutil.copytree(shop, folder)

    def git(*arguments):
        who = ("-c", "user.name=Kari", "-c", "user.email=kari@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)

    git("init", "--quiet")
    git("add", "blocks", "strings")
    git("commit", "--quiet", "-m", "first")
    block = folder / "blocks" / "hero" / "cabin.mjml"
    block.write_text(
        re.sub(
            r"(<mj-section[^>]*>)",
            r"\1<mj-column><mj-text>Newer words</mj-text></mj-column>",
            block.read_text(),
            count=1,
        )
    )
    app = create_app(folder, settings=PreviewSettings(workers=1, watch=False))
    with TestClient(app, base_url="http://127.0.0.1:8787") as made:
        yield made


def test_a_mail_beside_itself_at_a_revision(versioned):
    recipients = versioned.app.state.desk.view("newsletter").plan.recipients.to_pylist()
    somebody = next(row["profile_id"] for row in recipients if row["slot:hero"] == "hero/cabin")
    page = versioned.get("/c/newsletter/compare", params={"a": somebody, "rev": "HEAD"}).text
    assert re.search(r"<del>[^<]*Newer words", page)
    now = versioned.get("/c/newsletter/compare/frame", params={"id": somebody})
    then = versioned.get("/c/newsletter/compare/frame", params={"id": somebody, "rev": "HEAD"})
    assert "Newer words" in now.text
    assert "Newer words" not in then.text


def test_a_mail_beside_itself_with_a_file_in_the_place_of_another(versioned):
    desk = versioned.app.state.desk
    recipients = desk.view("newsletter").plan.recipients.to_pylist()
    somebody = next(row["profile_id"] for row in recipients if row["slot:hero"] == "hero/cabin")
    draft = desk.root / "drafts" / "cabin.mjml"
    draft.parent.mkdir(exist_ok=True)
    block = desk.root / "blocks" / "hero" / "cabin.mjml"
    draft.write_text(block.read_text().replace("{{ t('cabin_eyebrow') }}", "Drafted words"))
    asked = {"a": somebody, "file": "drafts/cabin.mjml", "of": "blocks/hero/cabin.mjml"}
    page = versioned.get("/c/newsletter/compare", params=asked).text
    assert re.search(r"<ins>[^<]*Drafted words", page)
    assert 'data-differs="hero"' in page
    alone = {name: value for name, value in asked.items() if name != "a"}
    assert 'data-differs="hero"' in versioned.get("/c/newsletter/compare", params=alone).text
    frame = versioned.get("/c/newsletter/compare/frame", params={**asked, "id": somebody}).text
    assert "Drafted words" in frame
    assert "Drafted words" not in versioned.get("/c/newsletter/frame", params={"id": somebody}).text


@pytest.mark.parametrize(
    ("file", "of"),
    [
        ("../../etc/passwd", ""),
        ("drafts/none.mjml", ""),
        ("blocks/hero/cabin.mjml", "mailwright.yaml"),
        ("blocks/hero/cabin.mjml", "../x.mjml"),
    ],
)
def test_only_files_of_the_workspace_are_versions(versioned, file, of):
    answer = versioned.get("/c/newsletter/compare", params={"file": file, "of": of})
    assert answer.status_code == 404
    assert f'id="{"of" if of else "file"}-problem"' in answer.text


def test_two_segments_side_by_side_mark_what_differs(client):
    asked = {"kind": "segments", "sa": "gold_club", "sb": "snow_people"}
    page = client.get("/c/newsletter/compare", params=asked).text
    assert "in gold_club" in page
    assert "in snow_people" in page
    assert 'data-differs="' in page
    other = client.get("/c/newsletter/compare", params={**asked, "turn": "2"}).text
    assert re.findall("FF-[0-9]+", other) != re.findall("FF-[0-9]+", page)


@pytest.mark.parametrize("revision", ["--upload-pack=x", "no-such", "HEAD; true", "-h", "../x"])
def test_only_a_commit_is_a_revision(versioned, revision):
    answer = versioned.get("/c/newsletter/compare", params={"rev": revision})
    assert answer.status_code == 404
    said = re.search(r'id="rev-problem" role="alert">([^<]*)<', answer.text)
    assert "name a branch, a tag or a commit" in said[1]
    assert answer.text.count("<iframe") == 2  # the mail beside itself stays in view


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"a": "nobody"}, "a"),
        ({"a": "FF-1", "b": "nobody"}, "b"),
        ({"kind": "segments", "sa": "none"}, "sa"),
        ({"kind": "versions", "a": "nobody", "rev": "none"}, "a"),
    ],
)
def test_a_profile_or_segment_that_is_not_there_is_said_at_its_field(versioned, asked, field):
    answer = versioned.get("/c/newsletter/compare", params=asked)
    assert answer.status_code == 404
    assert f'aria-describedby="{field}-problem"' in answer.text
    if asked.get("kind") != "segments":
        assert 'value="nobody"' in answer.text


@pytest.mark.parametrize("wrong", [{"segment": "none"}, {"slot": "none"}])
def test_an_address_that_names_no_segment_or_slot_says_so(versioned, wrong):
    answer = versioned.get("/c/newsletter/random", params=wrong)
    assert answer.status_code == 404
    assert f"there is no {next(iter(wrong))}" in answer.text


def test_an_unknown_revision_is_marked_and_told_to_everybody(window):
    opened = window()
    page = opened.open("/c/newsletter/compare?kind=versions&rev=no-such")
    assert page.locator("#rev").get_attribute("aria-invalid") == "true"
    assert page.evaluate("document.activeElement.id") == "rev"
    assert page.locator("#rev").input_value() == "no-such"
    assert opened.barriers() == []
    opened.expect_refusals()


@pytest.mark.parametrize("kind", ["rich", "sparse", "empty"])
def test_a_template_is_shown_with_its_sample_data(client, kind):
    page = client.get("/sample", params={"template": "newsletter"})
    assert f'id="h-{kind}"' in page.text
    mail = client.get("/sample/frame", params={"template": "newsletter", "sample": kind})
    assert mail.status_code == 200
    assert "Fjord &amp; Field" in mail.text
    assert 'src="https://' not in mail.text
    assert client.get("/sample/frame", params={"template": "newsletter", "sample": "../x"}).status_code == 404
