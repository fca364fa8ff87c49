"""Clusters and scores, from what a workspace declares to what a rule asks: fitted, kept, applied, erased."""

import json
import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mailwright.catalog import segment_catalog
from mailwright.engine import read_workspace, segment_audience
from mailwright.fitting import fit_learned
from mailwright.workspace import open_workspace
from rules import RuleContext
from segments import compile_segments, segments_of
from tests.cli.learnedshop import CONFIG, NOW, SEGMENTS, learned_shop
from tests.cli.tested_shop import CAMPAIGN, write_hero, write_shop


@pytest.fixture(scope="module")
def fitted_once(tmp_path_factory):
    """A workspace whose clusters and scores are fitted; copied by whoever changes it."""
    root = learned_shop(tmp_path_factory.mktemp("learned") / "shop")
    workspace = open_workspace(root)
    fit_learned(workspace, read_workspace(workspace, now=NOW).audience, [], now=NOW, seed=0)
    return root


@pytest.fixture
def shop(fitted_once, tmp_path):
    return shutil.copytree(fitted_once, tmp_path / "shop")


def profiles_of(root):
    return read_workspace(open_workspace(root), now=NOW).audience.profiles


def test_before_they_are_fitted_they_are_missing_and_that_is_said(cli, tmp_path):
    root = learned_shop(tmp_path / "shop")
    answer = cli("segments", "--workspace", root).data
    assert answer["segments"]["likely"] == 0
    assert answer["segments"]["partner_says"] > 0  # a column needs no fitting
    assert any("not fitted yet" in note and "kind, buys_soon, worth" in note for note in answer["notes"])


def test_a_run_says_of_what_is_not_fitted_only_what_somebody_asks_for(cli, tmp_path):
    root = write_shop(tmp_path / "shop", "")
    with (root / "mailwright.yaml").open("a") as file:
        file.write("clusters: { kind: { features: [purchases_365d] } }\n")
        file.write("scores: { soon: { predicts: purchase_30d }, gone: { predicts: churn_90d } }\n")

    def asking(segment="purchases > 2", audience="TRUE", block="TRUE"):
        (root / "segments.yaml").write_text(f"some:\n  rule: {segment}\n")
        campaign = root / "campaigns" / "newsletter.yaml"
        campaign.write_text(CAMPAIGN.replace('"TRUE"', f'"{audience}"'))
        write_hero(root, "other", f"when: {block}")
        now = "2026-11-20T09:00:00Z"
        done = cli("run", "newsletter", "--workspace", root, "--now", now, "--dry-run", "--workers", 1)
        assert done.code == 0, done.err
        return [note for note in done.data["notes"] if "not fitted yet" in note]

    said = "not fitted yet, so missing for everybody: {} (mailwright fit)"
    assert asking() == []
    assert asking(segment="soon > 0.5") == [said.format("soon")]
    assert asking(audience="kind IS NULL") == [said.format("kind")]
    assert asking(block="gone > 0.5", segment="soon > 0.5") == [said.format("soon, gone")]


def test_fit_puts_versions_in_place_that_rules_can_ask_for(cli, tmp_path):
    root = learned_shop(tmp_path / "shop")
    done = cli("fit", "--workspace", root)
    assert done.code == 0, done.err
    fitted = {one["name"]: one for one in done.data["fitted"]}
    assert fitted["kind"]["k"] == 2
    assert fitted["kind"]["stability"] > 0.9
    assert fitted["buys_soon"]["published"]
    assert fitted["buys_soon"]["quality"]["auc"] > 0.8
    labels = sorted(fitted["kind"]["sizes"])
    keen = next(label for label in labels if "loyal" in label)
    (root / "segments.yaml").write_text(SEGMENTS + f"fans:\n  rule: kind = '{keen}'\n")
    sizes = cli("segments", "--workspace", root).data["segments"]
    assert sizes["fans"] == fitted["kind"]["sizes"][keen]
    assert 80 <= sizes["likely"] <= 120


def test_new_profiles_get_theirs_without_anything_being_fitted(cli, shop):
    before = json.loads((shop / ".mailwright/learned/kind/current.json").read_text())
    with (shop / "profiles.csv").open("a") as file:
        file.write("zz,zz@mail.example,New,NO,0.4\n")
    row = profiles_of(shop).to_pylist()[-1]
    assert row["profile_id"] == "zz"
    assert row["kind"] is not None
    assert row["buys_soon"] is None  # the question makes no sense of somebody who was never seen
    assert row["theirs"] == 0.4
    assert json.loads((shop / ".mailwright/learned/kind/current.json").read_text()) == before
    assert (cli("clusters", "--workspace", shop).data["clusters"]["kind"]["version"]) == before["history"][-1]


def test_one_profile_alone_has_what_it_has_among_all(shop):
    source = read_workspace(open_workspace(shop), now=NOW)
    for row in source.audience.profiles.to_pylist()[:40]:
        for name in source.learned.names:
            assert source.learned.value(name, row, now=NOW) == row[name]


def test_a_label_that_there_is_not_is_an_error_at_its_line(cli, shop):
    (shop / "segments.yaml").write_text("fans:\n  rule: kind = 'loyaal'\n")
    done = cli("segments", "--workspace", shop, plain=True)
    assert done.code == 1
    assert "segments.yaml:2:" in done.err
    assert "loyaal" in done.err


def test_a_fit_that_loses_a_group_that_rules_name_does_not_take_its_place(cli, shop):
    kind = cli("clusters", "--workspace", shop).data["clusters"]["kind"]
    label = next(iter(kind["sizes"]))
    (shop / "segments.yaml").write_text(f"fans:\n  rule: kind = '{label}'\n")
    other = CONFIG.replace("[purchases_365d, total_spent, engagement]", "[partner]")
    (shop / "mailwright.yaml").write_text(other)
    done = cli("fit", "kind", "--workspace", shop)
    assert done.code == 1
    assert "segments.yaml:2" in done.err
    assert cli("fit", "kind", "--force", "--workspace", shop).code == 0
    (shop / "mailwright.yaml").write_text(CONFIG)
    back = cli("fit", "kind", "--version", kind["version"], "--workspace", shop)
    assert back.code == 0
    assert cli("clusters", "--workspace", shop).data["clusters"]["kind"]["version"] == kind["version"]
    assert cli("fit", "kind", "--version", "nope", "--workspace", shop).code == 2


def test_a_score_below_the_stated_quality_is_not_published(cli, shop):
    assert any(profiles_of(shop)["buys_soon"].to_pylist())
    (shop / "mailwright.yaml").write_text(
        CONFIG.replace("learner: linear }", "learner: linear, min_auc: 0.9999 }").replace(
            'version: "7" }', 'version: "7", auc: 0.6 }'
        )
    )
    assert profiles_of(shop)["buys_soon"].null_count == 400
    assert profiles_of(shop)["theirs"].null_count == 400
    notes = cli("segments", "--workspace", shop).data["notes"]
    assert any("buys_soon: not published: its AUC is" in note for note in notes)


def test_scores_say_their_version_and_the_reasons_of_a_profile(cli, shop):
    told = cli("scores", "--profile", "p0000", "--workspace", shop).data
    assert told["scores"]["buys_soon"]["version"]
    assert told["scores"]["theirs"] == {"version": "7", "column": "partner", "auc": None}
    assert told["profile"]["buys_soon"]["value"] > 0.5
    assert "usually" in told["profile"]["buys_soon"]["reasons"][0]
    assert told["profile"]["theirs"]["reasons"] == []
    assert cli("scores", "--profile", "nobody", "--workspace", shop).code == 2


def test_a_damaged_model_is_missing_for_everybody_and_said(cli, shop):
    (place,) = (shop / ".mailwright/learned/buys_soon").glob("*/score.skops")
    place.write_bytes(place.read_bytes()[:200])
    (clusters,) = (shop / ".mailwright/learned/kind").glob("*/clusters.npz")
    clusters.write_bytes(b"PK\x03\x04 no")
    notes = cli("segments", "--workspace", shop).data["notes"]
    assert any(note.startswith("kind: no clusters can be read") for note in notes)
    assert any(note.startswith("buys_soon: no score can be read") for note in notes)
    assert profiles_of(shop)["kind"].null_count == 400


def test_every_version_is_part_of_the_audiences_fingerprint(shop):
    before = read_workspace(open_workspace(shop), now=NOW).audience.fingerprint
    (shop / "mailwright.yaml").write_text(CONFIG.replace('version: "7"', 'version: "8"'))
    assert read_workspace(open_workspace(shop), now=NOW).audience.fingerprint != before


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        (
            "[purchases_365d, total_spent, engagement]",
            "[purchases_365]",
            13,
            "unknown attribute 'purchases_365'",
        ),
        ("[purchases_365d, total_spent, engagement]", "[country]", 13, "'country' is string, not a number"),
        ("categories: [country]", "categories: [first_name]", 14, "identifies people"),
        ("kind:", "country:", 12, "already an attribute"),
        ("kind:", "trend:", 12, "computed from interactions"),
        ("buys_soon:", "kind:", 16, "already an attribute"),
        ("column: partner", "column: country", 18, "not a number"),
        (', version: "7"', "", 18, "version"),
        ("predicts: purchase_30d", "predicts: luck", 16, "purchase_30d"),
    ],
)
def test_what_cannot_be_learned_is_said_at_its_line(cli, tmp_path, old, new, line, what):
    root = learned_shop(tmp_path / "shop", count=4, config=CONFIG.replace(old, new))
    done = cli("segments", "--workspace", root, plain=True)
    assert done.code == 1
    assert f"mailwright.yaml:{line}" in done.err
    assert what in done.err


def test_drift_between_two_runs_is_measured_and_alerted(cli, shop):
    then, now = "2026-03-01T00:00:00Z", "2026-06-01T00:00:00Z"
    cut = pq.read_table(shop / "interactions.parquet")
    whole = cut
    pq.write_table(
        cut.filter(pc.less(cut["at"], pa.scalar(NOW.replace(month=3)))), shop / "interactions.parquet"
    )
    kept = cli("segments", "--keep", "--now", then, "--workspace", shop).data
    assert kept["since"] is None
    assert kept["drift"] is None
    pq.write_table(whole, shop / "interactions.parquet")
    told = cli("segments", "--now", now, "--plots", shop / "plots", "--workspace", shop).data
    assert told["since"].startswith("2026-03-01")
    churn = told["drift"]["churn"]["keen"]
    assert churn["before"] + churn["joined"] - churn["left"] == churn["after"] == told["segments"]["keen"]
    assert any(name.startswith("kind: ") for name in told["drift"]["churn"])
    assert "buys_soon" in told["drift"]["psi"]
    assert any("likely" in alert or "partner" in alert or "purchases" in alert for alert in told["alerts"])
    assert sorted(path.name for path in (shop / "plots").iterdir()) == [
        "drift.png",
        "overlap.png",
        "sizes.png",
    ]
    assert cli("segments", "--against", "2026-03", "--workspace", shop).data["since"].startswith("2026-03-01")
    assert cli("segments", "--against", "2025", "--workspace", shop).code == 2


def test_of_one_fixed_clock_each_run_that_found_something_else_is_kept_and_compared(cli, shop):
    now = "2026-06-01T00:00:00Z"
    whole = pq.read_table(shop / "interactions.parquet")
    early = whole.filter(pc.less(whole["at"], pa.scalar(NOW.replace(month=3))))
    pq.write_table(early, shop / "interactions.parquet")
    for _ in range(2):
        kept = cli("segments", "--keep", "--now", now, "--workspace", shop).data
        assert kept["since"] is None  # the very same run is no change
    pq.write_table(whole, shop / "interactions.parquet")
    for _ in range(2):
        told = cli("segments", "--keep", "--now", now, "--workspace", shop).data
        assert told["since"].startswith("2026-06-01")
        assert any(churn["joined"] + churn["left"] > 0 for churn in told["drift"]["churn"].values())
    files = sorted(path.stem for path in (shop / ".mailwright/memberships").glob("*.parquet"))
    assert files == ["20260601T000000Z", "20260601T000000Z-2"]


def test_a_score_of_another_version_is_not_compared(cli, shop):
    cli("segments", "--keep", "--now", "2026-05-31T00:00:00Z", "--workspace", shop)
    (shop / "mailwright.yaml").write_text(CONFIG.replace('version: "7"', 'version: "8"'))
    told = cli("segments", "--workspace", shop).data
    assert "theirs" not in told["drift"]["psi"]
    assert "theirs was fitted again since, and is not compared" in told["notes"]


def test_only_the_last_runs_are_kept_and_none_beyond_its_time(cli, shop):
    for day in range(1, 15):
        cli("segments", "--keep", "--now", f"2026-06-{day:02d}T00:00:00Z", "--workspace", shop)
    kept = sorted(path.stem for path in (shop / ".mailwright/memberships").glob("*.parquet"))
    assert (len(kept), kept[0]) == (12, "20260603T000000Z")
    config = (shop / "mailwright.yaml").read_text()
    (shop / "mailwright.yaml").write_text(config + "retention: { memberships_days: 3 }\n")
    cli("segments", "--keep", "--now", "2026-06-15T00:00:00Z", "--workspace", shop)
    kept = sorted(path.stem for path in (shop / ".mailwright/memberships").glob("*.parquet"))
    assert kept[0] == "20260612T000000Z"


def test_pictures_and_personas_are_written(cli, shop):
    written = cli("clusters", "--plots", shop / "plots", "--workspace", shop).data["written"]
    names = sorted(path.name for path in (shop / "plots").iterdir())
    assert names == ["kind-choice.png", "kind-map.png", "kind-personas.html"]
    assert len(written) == 3


def test_access_shows_and_forget_erases_what_was_learned(cli, shop):
    cli("segments", "--keep", "--workspace", shop)
    held = cli("access", "p0004", "--workspace", shop).data
    assert held["learned"]["kind"]["value"]
    assert held["learned"]["kind"]["version"]
    assert held["memberships"][0]["in"]
    done = cli("forget", "p0004", "--workspace", shop).data
    assert done["memberships"] == 1
    assert done["fit_again"] == []  # averages over many people
    for path in (shop / ".mailwright").rglob("*"):
        assert not path.is_file() or b"p0004" not in path.read_bytes(), path
    table = pq.read_table(next((shop / ".mailwright/memberships").glob("*.parquet")))
    assert table.num_rows == 399
    assert "p0004" not in table["profile_id"].to_pylist()


def test_a_model_in_which_single_people_stand_goes_with_anybody(cli, shop):
    dense = CONFIG.replace("    categories: [country]", "    method: dbscan")
    (shop / "mailwright.yaml").write_text(dense)
    assert cli("fit", "kind", "--workspace", shop).code == 0
    assert profiles_of(shop)["kind"].null_count < 200
    assert cli("forget", "p0004", "--workspace", shop).data["fit_again"] == ["kind"]
    assert profiles_of(shop)["kind"].null_count == 399
    assert not list((shop / ".mailwright/learned/kind").glob("*/clusters.npz"))[1:]


def test_a_workspace_without_any_says_how_to_declare_some(cli, starter):
    done = cli("fit", "--workspace", starter, plain=True)
    assert done.code == 2
    assert "clusters:" in done.err


def test_segments_of_one_profile_are_those_among_all(shop):
    workspace = open_workspace(shop)
    source = read_workspace(workspace, now=NOW)
    found = segment_audience(workspace, source.audience, now=NOW)
    file = workspace.segments_file
    rules = compile_segments(file.value, segment_catalog(workspace), lambda name: file.at(name, "rule"))
    for row, values in enumerate(source.audience.profiles.to_pylist()[:50]):
        inside = segments_of(workspace.segments, rules, values, RuleContext(now=NOW))
        assert inside == {
            name for name in workspace.segments if found.columns[f"segment:{name}"][row].as_py()
        }
