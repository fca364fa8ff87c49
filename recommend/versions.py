"""The models of a workspace: every version kept for a while, one of them in place, and the way back.

``versions/<time>-<fingerprint>/`` holds a model and ``evaluation.json``; ``current.json`` names the one in
place and those that were before it. A reader sees the old or the new one, never half of either.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from mailwright.errors import ModelError, did_you_mean
from recommend.evaluation import Evaluation
from recommend.model import Model
from recommend.storage import load_model, save_model

KEPT = 5
"""Versions kept beside the one in place."""


@dataclass(frozen=True)
class Version:
    """One trained model on the shelf."""

    name: str
    trained_at: str
    fingerprint: str
    in_place: bool
    ndcg: float | None
    """At its own evaluation, where there was one."""


@dataclass(frozen=True)
class ModelVersions:
    """The shelf in ``folder``."""

    folder: Path

    def add(self, model: Model, evaluation: Evaluation | None = None) -> str:
        """Keep a model; returns its name. It is not in place before ``promote``."""
        stamp = model.info.trained_at[:19].replace(":", "").replace("-", "")
        name = f"{stamp}-{model.fingerprint[:8]}"
        save_model(model, self._path(name))
        if evaluation is not None:
            told = asdict(evaluation) | {"ndcg": None, "profile_ids": None}
            (self._path(name) / "evaluation.json").write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        return name

    def promote(self, name: str) -> None:
        """Put a version in place. Raises ModelError for an unknown or damaged one."""
        if name not in (known := self._names()):
            raise ModelError(f"there is no model version {name!r}", fix=did_you_mean(name, known))
        load_model(self._path(name))
        history = [one for one in self._history() if one != name]
        self._write([*history, name])
        self._tidy()

    def rollback(self) -> str:
        """Put the version back that was in place before; returns its name. Raises ModelError without one."""
        history = self._history()
        if len(history) < 2:
            raise ModelError("no model was in place before this one", fix="train again: mailwright train")
        load_model(self._path(history[-2]))
        self._write(history[:-1])
        return history[-2]

    def current(self) -> Model:
        """The model in place. Raises ModelError when there is none."""
        history = self._history()
        if not history:
            raise ModelError(f"there is no model in {self.folder}", fix="train one: mailwright train")
        return load_model(self._path(history[-1]))

    def versions(self) -> tuple[Version, ...]:
        """Every version kept, oldest first."""
        history = self._history()
        found = []
        for name in self._names():
            with suppress(ModelError):  # a damaged one can be neither used nor gone back to
                found.append(self._version(name, history[-1:] == [name]))
        return tuple(found)

    def _version(self, name: str, in_place: bool) -> Version:
        head = _read(self._path(name) / "model.json")
        told = self._path(name) / "evaluation.json"
        ndcg = _read(told)["overall"]["ndcg"] if told.exists() else None
        return Version(name, head["info"]["trained_at"], head["fingerprint"], in_place, ndcg)

    def _path(self, name: str) -> Path:
        return self.folder / "versions" / name

    def _names(self) -> list[str]:
        return sorted(path.parent.name for path in self.folder.glob("versions/*/model.json"))

    def _history(self) -> list[str]:
        path = self.folder / "current.json"
        if not path.exists():
            return []
        with suppress(ModelError):
            return [name for name in _read(path)["history"] if (self._path(name) / "model.json").exists()]
        return []

    def _write(self, history: list[str]) -> None:
        beside = self.folder / "current.json.writing"
        beside.write_bytes(orjson.dumps({"history": history}, option=orjson.OPT_INDENT_2))
        beside.replace(self.folder / "current.json")

    def _tidy(self) -> None:
        """Remove the oldest versions, but none of those that a rollback could want."""
        wanted = self._history()[-KEPT - 1 :]
        for name in [name for name in self._names() if name not in wanted][:-KEPT]:
            shutil.rmtree(self._path(name), ignore_errors=True)


def _read(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}", fix="train again: mailwright train") from error
