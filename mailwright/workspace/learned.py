"""Whether the clusters and scores of a workspace are made of attributes that there are."""

from __future__ import annotations

from audience import FEATURES
from mailwright.errors import ConfigError, Location, did_you_mean
from mailwright.model.schema import PROFILE_ATTRIBUTES, Schema
from mailwright.model.workspace import WorkspaceSpec
from mailwright.model.yamltext import Located

NUMERIC = frozenset({"integer", "number", "boolean"})


def check_learned(config: Located[WorkspaceSpec]) -> None:
    """Raise ConfigError, at its line, for a name that is taken or an attribute that does not fit."""
    spec = config.value
    given = PROFILE_ATTRIBUTES | spec.profile
    for section in ("clusters", "scores"):
        for name in getattr(spec, section):
            if name in given or (section == "scores" and name in spec.clusters):
                what = f"{name!r} is already an attribute of profiles"
                raise ConfigError(what, at=config.at_key(section, name), fix="give it another name")
    known = given | FEATURES
    for name, cluster in spec.clusters.items():
        _check_kinds(config.at("clusters", name, "features"), cluster.features, known, NUMERIC, "a number")
        place = config.at("clusters", name, "categories")
        _check_kinds(place, cluster.categories, known, frozenset({"string", "boolean"}), "a text")
        for category in cluster.categories:
            if known[category].pii == "direct" or category == "profile_id":
                what = f"{category!r} identifies people, and would stand in the description of a group"
                raise ConfigError(what, at=place, fix="leave it out")
    for name, score in spec.scores.items():
        if score.column is not None:
            place = config.at("scores", name, "column")
            _check_kinds(place, (score.column,), given, frozenset({"integer", "number"}), "a number")


def _check_kinds(
    at: Location, names: tuple[str, ...], known: Schema, kinds: frozenset[str], wanted: str
) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"unknown attribute {name!r}", at=at, fix=did_you_mean(name, known))
        if known[name].type not in kinds:
            raise ConfigError(f"{name!r} is {known[name].type}, not {wanted}", at=at, fix="leave it out")
