"""What authors see beside the lines of their files, and why in a sentence."""

import shutil

import pytest

from mailwright.model.trace import Operand, Outcome
from preview.authoring import block_sizes, notes_on, reads_file
from preview.because import told
from preview.desk import Desk
from preview.settings import PreviewSettings
from preview.watched import Kind


@pytest.mark.parametrize(
    ("rule", "operands", "text"),
    [
        ("points >= 1000", {"points": 1240}, "points 1,240 ≥ 1,000"),
        ("tier IS NOT NULL AND points >= 500", {"points": 2036}, "tier is known and points 2,036 ≥ 500"),
        ("NOT tier IS NULL", {}, "tier is known"),
        ("tier IS NULL", {"tier": None}, "tier is missing"),
        ("segment('vip')", {"segment('vip')": True}, "segment('vip')"),
        ("len(recommendations) >= 6", {"len(recommendations)": 7}, "len(recommendations) 7 ≥ 6"),
        ("country IN ('NO', 'SE')", {"country": "NO"}, "country NO IN ('NO', 'SE')"),
        ("city = 'AND 2000 IS NULL'", {"city": "x"}, "city = 'AND 2000 IS NULL'"),
    ],
)
def test_the_reason_has_the_values_that_decided(rule, operands, text):
    seen = tuple(Operand(name, value) for name, value in operands.items())
    assert told(Outcome(rule, True, seen)) == text


@pytest.fixture
def desk(shop, tmp_path):
    made = Desk(shutil.copytree(shop, tmp_path / "shop"), PreviewSettings(workers=1))
    yield made
    made.close()


def test_findings_errors_sizes_and_clients_stand_beside_the_file(desk):
    file = "blocks/hero/cabin.mjml"
    block = desk.root / file
    good = block.read_text()
    block.write_text(good.replace("<h1>", '<h1 style="accent-color: red">'))
    view = desk.view("newsletter")
    assert reads_file(view, file)
    assert not reads_file(view, "blocks/welcome/hello.mjml")
    notes = notes_on(view, file)
    line = next(number for number, text in enumerate(good.splitlines(), 1) if "<h1" in text)
    assert any("accent-color does not work in" in note.what and note.fix for note in notes.at(line))
    assert notes.sizes[0].block == "hero/cabin"
    assert 1_000 < notes.sizes[0].smallest <= notes.sizes[0].largest < 30_000
    assert block_sizes(view)["hero/cabin"] == notes.sizes[0]
    assert {"y", "n"} <= {how for one in notes.support for how in one.by.values()}
    block.write_text(good.replace("<h1>", "<h1>{{ no_such }}"))
    desk.changed([Kind.LIBRARY])
    broken = notes_on(desk.view("newsletter"), file)
    assert ("error", True) in [(note.level, "no_such" in note.what) for note in broken.at(line)]
