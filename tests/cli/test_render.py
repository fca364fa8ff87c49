"""``render`` and ``explain``: files, determinism, and reasons."""

import json
import shutil

import pytest

from tests.cli.conftest import NOW


def render(cli, workspace, out, *options):
    result = cli("render", "newsletter", "--workspace", workspace, "--now", NOW, "--out", out, *options)
    assert result.code == 0, result.err
    return result.data


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_each_mail_is_three_files(cli, starter, tmp_path):
    assert render(cli, starter, tmp_path / "out")["rendered"] == 5
    made = files(tmp_path / "out")
    assert sorted(made) == sorted(f"p{n}.{ending}" for n in range(1, 6) for ending in ("html", "txt", "json"))
    about = json.loads(made["p1.json"])
    assert about["subject"] == "Ada, a few things you may like"
    assert about["preheader"].startswith("Picked from what you looked at")
    assert about["headers"]["List-Unsubscribe"].startswith("<https://mail.example.com/u/")
    assert about["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert {slot["slot"] for slot in about["trace"]["slots"]} >= {"hero"}
    assert b"{{" not in made["p1.html"]
    made["p1.html"].decode("ascii")
    link = about["headers"]["List-Unsubscribe"].strip("<>")
    assert link in made["p1.html"].decode()
    assert link in made["p1.txt"].decode()


def test_the_same_workspace_clock_and_seed_give_the_same_bytes(cli, starter, tmp_path):
    shutil.copytree(starter, tmp_path / "copy")
    render(cli, starter, tmp_path / "one", "--workers", 1)
    render(cli, tmp_path / "copy", tmp_path / "p3", "--profile", "p3")
    render(cli, tmp_path / "copy", tmp_path / "two", "--workers", 2)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    alone = files(tmp_path / "p3")
    assert len(alone) == 3
    assert alone.items() <= files(tmp_path / "one").items()


def test_one_segment_and_a_limit_narrow_what_is_rendered(cli, starter, tmp_path):
    assert render(cli, starter, tmp_path / "a", "--segment", "new")["rendered"] == 2
    assert render(cli, starter, tmp_path / "b", "--limit", 2)["rendered"] == 2
    assert sorted(files(tmp_path / "b")) == ["p1.html", "p1.json", "p1.txt", "p2.html", "p2.json", "p2.txt"]


def test_a_profile_that_gets_no_mail_is_said_so_with_the_reason(cli, starter, tmp_path):
    result = cli(
        "render",
        "newsletter",
        "--workspace",
        starter,
        "--now",
        NOW,
        "--profile",
        "p6",
        "--out",
        tmp_path / "o",
    )
    assert result.code == 1
    assert "no_consent" in result.data["error"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--profile", "p11"], "did you mean"),
        (["--segment", "loyl"], "'loyal'"),
        (["--profile", "p1", "--segment", "new"], "exclude"),
    ],
)
def test_wrong_use_is_refused_with_exit_code_2(cli, starter, tmp_path, options, word):
    result = cli(
        "render", "newsletter", "--workspace", starter, "--now", NOW, "--out", tmp_path / "o", *options
    )
    assert result.code == 2
    assert word in result.out


def test_explain_gives_the_trace_that_stands_beside_the_mail(cli, starter, tmp_path):
    render(cli, starter, tmp_path / "out", "--profile", "p1")
    beside = json.loads((tmp_path / "out" / "p1.json").read_text())["trace"]
    trace = cli("explain", "newsletter", "--workspace", starter, "--now", NOW, "--profile", "p1").data
    assert trace["message_id"] == beside["message_id"]
    assert {slot["slot"]: slot["block"] for slot in trace["slots"]} == {
        slot["slot"]: slot["block"] for slot in beside["slots"]
    }
    assert trace["audience"]["holds"] is True
    assert "loyal" in trace["segments"]
    assert trace["skip"] is None


def test_explain_says_why_a_profile_gets_no_mail(cli, starter):
    trace = cli("explain", "newsletter", "--workspace", starter, "--now", NOW, "--profile", "p6").data
    assert trace["skip"] == "no_consent"
    shown = cli("explain", "newsletter", "--workspace", starter, "--now", NOW, "--profile", "p6", plain=True)
    assert "no_consent" in shown.out
