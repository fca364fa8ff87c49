"""The shipped templates and the example shop: compiled and slow way agree, in every language."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailwright.errors import SourceError, UsageError
from render import RenderContext, choose_blocks
from render.anyfile import verify_file
from render.verify import verify
from tests.content.samples import (
    BARE,
    KINDS,
    NOW,
    TEMPLATES,
    _frame,
    _items,
    _listed,
    beside,
    compile_shipped,
    read_sample,
)
from tests.render.kit import LinkSigner, context, pa


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_shipped_template_compiles_to_the_mail_of_the_slow_way(template: str) -> None:
    campaign = compile_shipped(template)
    samples = [read_sample(template, kind) for kind in KINDS]
    samples += [samples[0].with_profile(locale=locale) for locale in ("no", "sv")]
    frame = pa.concat_tables([_frame(BARE, sample, number) for number, sample in enumerate(samples)])
    for ask in campaign.asks:
        lists = [_listed(ask.among(sample.asked)) for sample in samples]
        frame = frame.append_column(ask.column, pa.array(lists, frame["recommendations"].type))
    frame = beside(frame, choose_blocks(campaign, frame, now=NOW).columns)
    run: RenderContext = context(
        items=_items(BARE, samples), settings=BARE, now=NOW, signer=LinkSigner(BARE.base_url, b"k")
    )
    found = verify(campaign, run, frame)
    assert found.equal, found.differences
    assert found.mails >= 4


FILE = """<mjml><mj-head><mj-title>Hi {{ name }}</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-text>Hello {{ name }} {% if city %}from <b>{{ city }}</b>{% endif %}</mj-text>
<mj-button href="https://example.com/?c={{ city }}">Go</mj-button>
<mj-table><tr><td>{{ name }}</td></tr></mj-table>
</mj-column></mj-section></mj-body></mjml>"""


@pytest.mark.parametrize("inliner", ["premailer", "css-inline"])
def test_any_file_can_be_verified(tmp_path: Path, inliner: str) -> None:
    path = tmp_path / "mail.mjml"
    path.write_text(FILE)
    found = verify_file(path, inliner=inliner)
    assert (found.equal, found.mails) == (True, 5), found


def test_a_file_that_cannot_be_compiled_says_why(tmp_path: Path) -> None:
    path = tmp_path / "mail.mjml"
    path.write_text("<mjml><mj-body><mj-section></mj-body></mjml>")
    with pytest.raises(SourceError, match=r"mail\.mjml:1:"):
        verify_file(path)
    with pytest.raises(UsageError, match="cannot be read"):
        verify_file(tmp_path / "nothing.mjml")
