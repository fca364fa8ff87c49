"""Golden cases of a workspace: accepted, compared, updated, reported."""
# ruff: noqa: E501 cases read better on one line

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from mailwright.errors import ConfigError
from render import CompiledCampaign, explain_row, render_batch
from render.golden import Case, Made, as_junit, read_cases, run_cases
from tests.render.kit import chosen, compiled, context, frame, mjml, recommended, text

CASE = "campaign: spring\nnow: 2026-11-20T09:00:00Z\nprofile: { first_name: Ada }\nsegments: [vip]\nrecommendations: [i1]\n"


def maker(campaign: CompiledCampaign):
    def make(case: Case) -> Made:
        segments = {f"segment:{name}": True for name in case.spec.segments}
        profile = {
            **case.spec.profile,
            **segments,
            "recommendations": recommended(*case.spec.recommendations),
        }
        rows = chosen(campaign, frame(profile))
        (mail,) = render_batch(campaign, context(now=case.spec.now), rows.to_batches()[0]).to_pylist()
        return Made(mail, explain_row(campaign, context(now=case.spec.now), rows.to_pylist()[0]))

    return make


def written(folder: Path, content: str = CASE) -> Path:
    (folder / "tests" / "ada").mkdir(parents=True)
    (folder / "tests" / "ada" / "case.yaml").write_text(content)
    return folder / "tests"


def test_a_case_is_accepted_then_held(tmp_path: Path) -> None:
    campaign = compiled(
        tmp_path, mjml(text("Hello {{ first_name | fallback('you') }} {{ now | date('d MMM') }}"))
    )
    cases = read_cases(written(tmp_path))
    (missing,) = run_cases(cases, maker(campaign))
    assert not missing.passed
    assert "not accepted yet" in missing.diff
    (accepted,) = run_cases(cases, maker(campaign), update=True)
    assert (accepted.passed, accepted.updated) == (True, True)
    (held,) = run_cases(cases, maker(campaign))
    assert (held.passed, held.updated, held.diff) == (True, False, "")
    assert "Hello Ada 20 Nov" in (tmp_path / "tests" / "ada" / "mail.txt").read_text()


def test_a_change_is_shown_readably_and_in_junit(tmp_path: Path) -> None:
    before = compiled(tmp_path, mjml(text("Hello {{ first_name | fallback('you') }}")))
    cases = read_cases(written(tmp_path))
    run_cases(cases, maker(before), update=True)
    after = compiled(tmp_path, mjml(text("Goodbye {{ first_name | fallback('you') }}")))
    results = run_cases(cases, maker(after))
    assert "-Hello Ada\n+Goodbye Ada" in results[0].diff
    assert "-'Hello Ada\n+'Goodbye Ada" in results[0].diff
    suite = ElementTree.fromstring(as_junit(results))  # noqa: S314 our own text
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")


def test_white_space_and_order_of_attributes_do_not_count(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, mjml(text("Hello")))
    cases = read_cases(written(tmp_path))
    run_cases(cases, maker(campaign), update=True)
    path = tmp_path / "tests" / "ada" / "mail.html"
    path.write_text(path.read_text().replace("><", ">\n  <"))
    assert run_cases(cases, maker(campaign))[0].passed


def test_a_wrong_case_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tests/ada/case\.yaml:1"):
        read_cases(written(tmp_path, "campain: x\nnow: 2026-01-01T00:00:00Z\n"))
