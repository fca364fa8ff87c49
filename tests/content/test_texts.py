"""String tables are whole in every language, pages match the files, examples in the docs work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mailwright.errors import TemplateError
from mailwright.model import CampaignSpec
from render import load_library
from tests.content.checks import problems
from tests.content.library_page import PAGE, page
from tests.content.samples import ROOT, SHOP, compile_with, read_sample, render_sample, shop

LANGUAGES = ("en", "no", "sv", "de")
_KEY = re.compile(r"\bt\('([a-z0-9_]+)'")


def _used(*folders: Path) -> set[str]:
    files = [
        path for folder in folders for path in (*folder.rglob("*.mjml"), *folder.rglob("campaigns/*.yaml"))
    ]
    return {key for path in files for key in _KEY.findall(path.read_text("utf-8"))}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_exists_and_none_is_left_over(language: str) -> None:
    shipped = load_library(ROOT).strings
    whole = load_library(ROOT, SHOP).strings
    assert set(shipped[language]) == _used(ROOT / "blocks", ROOT / "templates")
    assert set(whole[language]) == _used(ROOT / "blocks", ROOT / "templates", SHOP)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_and_forms_of_the_english(language: str) -> None:
    tables = load_library(ROOT, SHOP).strings
    for key, english in tables["en"].items():
        assert _shape(tables[language][key]) == _shape(english), key


def _shape(text: str | dict[str, str]) -> object:
    if isinstance(text, dict):
        return dict.fromkeys(text)
    return sorted(re.findall(r"{(\w+)}", text))


def test_the_page_of_the_library_is_that_of_the_files() -> None:
    assert PAGE.read_text("utf-8") == page(), "python -m tests.content.library_page"


def test_the_careless_block_of_the_guide_is_refused_as_it_says(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "templates.md").read_text("utf-8")
    found = re.search(r"<!-- (\S+), refused -->\n```mjml\n(.*?)```\n\n```\n(.*?)\n(.*?)```", guide, re.S)
    assert found
    name, text, what, fix = found.groups()
    for file, content in {**_examples(guide), name: text}.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(content, encoding="utf-8")
    campaign = CampaignSpec(template="letter", subject="s", preheader="p")
    with pytest.raises(TemplateError) as error:
        compile_with("letter", campaign, shop().spec, frozenset(shop().segments), ROOT, tmp_path)
    assert str(error.value).splitlines()[0] == what
    assert str(error.value).splitlines()[-1] == fix.rstrip()


def _examples(guide: str) -> dict[str, str]:
    return dict(re.findall(r"<!-- (\S+\.mjml) -->\n```mjml\n(.*?)```", guide, re.S))


def test_the_examples_of_the_guide_make_a_mail(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "templates.md").read_text("utf-8")
    found = _examples(guide)
    assert len(found) >= 4
    for name, text in found.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sample = read_sample("newsletter", "rich")
    campaign = CampaignSpec(template="letter", subject=sample.subject, preheader=sample.preheader)
    compiled = compile_with("letter", campaign, shop().spec, frozenset(shop().segments), ROOT, tmp_path)
    for kind, shown in (("rich", "Good to see you, Ingrid"), ("empty", "New on the shelves")):
        mail = render_sample(compiled, shop().spec, read_sample("newsletter", kind))
        assert problems(mail, "en") == []
        assert shown in mail["text"]
