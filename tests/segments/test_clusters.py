"""Clusters: three groups that anybody would see are found, named, saved and applied to new profiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import adjusted_rand_score

from mailwright.errors import DataError, ModelError
from segments import fit_clusters, load_clusters
from segments.clusters import Method
from segments.methods import elbow
from segments.personas import personas_page
from segments.plots import draw_choice, draw_clusters

FEATURES = ("engagement", "total_spent", "noise")


def people(seed: int, count: int = 300) -> tuple[pa.Table, list[int]]:
    """Three groups: engaged spenders, engaged savers, silent ones; and who is in which."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, count)
    engagement = np.array([0.9, 0.8, 0.1])[group] + rng.normal(0, 0.03, count)
    spent = np.array([900.0, 90.0, 80.0])[group] + rng.normal(0, 20, count)
    return (
        pa.table(
            {
                "profile_id": [f"p{n}" for n in range(count)],
                "engagement": pa.array(engagement, mask=rng.random(count) < 0.02),
                "total_spent": spent,
                "noise": rng.normal(0, 1, count) * 0.01 + 1,
                "country": np.array(["NO", "SE", "DK"])[group],
                "coin": np.array(["heads", "tails"])[rng.integers(0, 2, count)],
            }
        ),
        group.tolist(),
    )


@pytest.mark.parametrize("method", ["kmeans", "hierarchical"])
def test_the_groups_are_found_and_would_be_again(method: Method) -> None:
    frame, group = people(1)
    model = fit_clusters(frame, FEATURES[:2], method=method)
    assert model.choice is not None
    assert (model.choice.k, model.choice.elbow) == (3, 3)
    assert adjusted_rand_score(group, model.assign(frame)) > 0.95
    assert model.stability > 0.9


def test_dense_regions_are_clusters_and_strangers_are_in_none() -> None:
    frame, group = people(2, 600)
    model = fit_clusters(frame, FEATURES[:2], method="dbscan")
    numbers = model.assign(frame)
    inside = numbers >= 0
    assert inside.mean() > 0.7
    assert adjusted_rand_score(np.array(group)[inside], numbers[inside]) > 0.9
    stranger = pa.table({"engagement": [50.0], "total_spent": [-9_000.0]})
    assert model.assign(stranger).tolist() == [-1]
    assert model.column(stranger).to_pylist() == [None]


def test_labels_say_what_a_manager_would() -> None:
    frame, group = people(1)
    model = fit_clusters(frame, FEATURES[:2], categories=["country", "coin"])
    first = model.column(frame).to_pylist()[group.index(0)]
    silent = model.column(frame).to_pylist()[group.index(2)]
    assert first == "high-value engaged"
    assert "silent" in str(silent)
    persona = next(each for each in model.personas if each.label == first)
    assert persona.usual["country"][0] == "NO"
    assert persona.traits[0].startswith("total spent: typically 898")
    effects = {each.feature: (each.test, each.p, each.effect) for each in model.significance}
    assert effects["country"][0] == "chi-squared"
    assert effects["country"][2] > 0.9
    assert effects["coin"][2] < 0.2
    assert effects["total_spent"][1] < 1e-9


def test_new_profiles_are_assigned_without_fitting(tmp_path: Path) -> None:
    frame, _ = people(1)
    model = fit_clusters(frame, FEATURES, components=2, categories=["country"])
    model.save(tmp_path / "clusters")
    again = load_clusters(tmp_path / "clusters")
    others, group = people(7)
    assert again.assign(others).tolist() == model.assign(others).tolist()
    assert adjusted_rand_score(group, again.assign(others)) > 0.5
    assert (again.version, again.personas, again.names) == (model.version, model.personas, model.names)
    assert again.significance == model.significance
    assert list(again.choice.ks) == list(model.choice.ks) if again.choice and model.choice else False


def test_same_data_same_clusters_other_data_another_version() -> None:
    frame, _ = people(1)
    assert fit_clusters(frame, FEATURES).version == fit_clusters(frame, FEATURES).version
    assert fit_clusters(frame, FEATURES).version != fit_clusters(people(2)[0], FEATURES).version


def test_bad_input_is_named(tmp_path: Path) -> None:
    frame, _ = people(1)
    with pytest.raises(DataError, match=r"no feature 'engagment'(.|\n)*did you mean 'engagement'"):
        fit_clusters(frame, ["engagment"])
    with pytest.raises(DataError, match="'country' is a string"):
        fit_clusters(frame, ["country"])
    with pytest.raises(DataError, match="at least 50 profiles"):
        fit_clusters(frame.slice(0, 49), FEATURES)
    with pytest.raises(ModelError, match="no clusters can be read"):
        load_clusters(tmp_path)


def test_everyone_alike_is_one_cluster() -> None:
    frame = pa.table({"x": [1.0] * 60, "y": pa.array([None] * 60, pa.float64())})
    model = fit_clusters(frame, ["x", "y"])
    assert [persona.label for persona in model.personas] == ["average"]
    assert model.assign(frame).tolist() == [0] * 60


def test_the_elbow_is_the_corner() -> None:
    assert elbow([100, 40, 10, 9, 8, 7]) == 2


def test_a_page_of_personas_escapes_what_people_wrote() -> None:
    frame, _ = people(1)
    frame = frame.set_column(4, "country", pa.array(["<script>"] * frame.num_rows))
    page = personas_page(fit_clusters(frame, FEATURES[:2], categories=["country"]).personas)
    assert "<script>" not in page
    assert page.count("<section>") == 3


def test_pictures() -> None:
    frame, _ = people(1)
    model = fit_clusters(frame, FEATURES[:2])
    assert draw_choice(model).startswith(b"\x89PNG")
    assert draw_clusters(model, frame) == draw_clusters(model, frame)
    assert draw_choice(fit_clusters(frame, FEATURES[:2], k=2)).startswith(b"\x89PNG")
    assert draw_clusters(fit_clusters(frame, ["total_spent"], k=2), frame).startswith(b"\x89PNG")
