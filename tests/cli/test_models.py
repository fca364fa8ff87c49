"""``train``, ``evaluate``, ``models`` and ``verify``."""

from tests.cli.conftest import NOW


def test_a_trained_model_is_in_place_only_when_it_may_be(cli, starter):
    made = cli("train", "--workspace", starter, "--now", NOW).data
    assert made["promoted"] == (made["evaluation"]["ndcg"] >= made["popularity"]["ndcg"])
    forced = cli("train", "--workspace", starter, "--now", NOW, "--seed", 5, "--force").data
    assert forced["promoted"]
    listed = cli("models", "--workspace", starter).data["models"]
    assert {one["name"]: one["in_place"] for one in listed}[forced["name"]]


def test_it_does_not_matter_whether_the_model_was_trained_before_or_on_the_way(cli, starter):
    run = ("run", "newsletter", "--workspace", starter, "--now", NOW, "--dry-run")
    before = cli(*run).data["fingerprint"]
    assert cli("train", "--workspace", starter, "--now", NOW, "--force").data["promoted"]
    assert cli(*run).data["fingerprint"] == before


def test_the_model_in_place_is_the_one_that_mails_are_made_with(cli, starter):
    def mark():
        return cli("run", "newsletter", "--workspace", starter, "--now", NOW, "--dry-run").data["fingerprint"]

    before = mark()
    cli("train", "--workspace", starter, "--now", NOW, "--seed", 5, "--force")
    first = mark()
    assert first != before
    cli("train", "--workspace", starter, "--now", NOW, "--seed", 6, "--force")
    assert mark() not in (first, before)
    assert cli("models", "rollback", "--workspace", starter).code == 0
    assert mark() == first


def test_nothing_to_go_back_to_is_said(cli, starter):
    assert cli("models", "rollback", "--workspace", starter).code == 1
    assert cli("models", "rolback", "--workspace", starter).code == 2


def test_evaluation_stands_beside_popularity(cli, starter):
    judged = cli("evaluate", "--workspace", starter, "--now", NOW).data
    assert judged["overall"]["profiles"] == judged["popularity"]["profiles"] > 0
    assert set(judged["segments"]) == {"loyal", "new"}


def test_compiled_mails_are_those_of_the_slow_way(cli, starter):
    found = cli("verify", "newsletter", "--workspace", starter, "--now", NOW)
    assert found.code == 0
    assert found.data["equal"]
    assert found.data["mails"] == 5
