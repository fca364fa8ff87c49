"""A model on disk: a folder of ``.npy`` arrays and a ``model.json`` that names each with its SHA-256.

Nothing is pickled, so loading a file from anywhere runs no code; arrays are memory-mapped, so loading reads
them once for the hash and copies nothing. A model is written beside its place and moved there whole.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from audience.order import flat
from mailwright.errors import ModelError
from mailwright.model.identity import fingerprint
from recommend.model import Model, ModelInfo

FORMAT = 2
ARRAYS = (
    "profile_factors",
    "item_factors",
    "profile_bias",
    "item_bias",
    "crowd",
    "seen_events",
    "seen_last",
    "neighbour_start",
    "neighbour_item",
    "neighbour_weight",
)
RETRAIN = "train again: mailwright train"


def save_model(model: Model, folder: Path) -> None:
    """Write the model as ``folder``; one that stands there already is replaced whole.

    Raises ModelError when the folder cannot be written.
    """
    beside = folder.with_name(folder.name + ".writing")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        for name, array in model_arrays(model).items():
            np.save(beside / f"{name}.npy", array, allow_pickle=False)
        files = {path.name: _hash(path) for path in sorted(beside.glob("*.npy"))}
        head = {
            "format": FORMAT,
            "fingerprint": model.fingerprint,
            "seconds": model.seconds,
            "info": asdict(model.info),
            "files": files,
        }
        (beside / "model.json").write_bytes(orjson.dumps(head, option=orjson.OPT_INDENT_2))
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
    except OSError as error:
        raise ModelError(f"cannot write the model to {folder}: {error}") from error


def load_model(folder: Path) -> Model:
    """The model of a folder, its arrays memory-mapped and checked.

    Raises ModelError when there is none, when it was written in another format, or when a file is not the one
    that was written.
    """
    try:
        head = orjson.loads((folder / "model.json").read_bytes())
    except FileNotFoundError as error:
        raise ModelError(f"there is no model in {folder}", fix=RETRAIN) from error
    except (OSError, orjson.JSONDecodeError) as error:
        raise ModelError(f"{folder / 'model.json'} cannot be read: {error}", fix=RETRAIN) from error
    try:
        if head["format"] != FORMAT:
            raise ModelError(f"{folder} was written in format {head['format']}, not {FORMAT}", fix=RETRAIN)
        arrays = {name: _load(folder, name, head["files"]) for name in (*ARRAYS, *ID_ARRAYS)}
        info = ModelInfo(**head["info"])
        return _assemble(arrays, info, str(head["fingerprint"]), float(head["seconds"]), folder)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelError(f"the model in {folder} is damaged: {error!r}", fix=RETRAIN) from error


def model_arrays(model: Model) -> dict[str, Any]:
    """Every array of a model by its file's name; ids as UTF-8 bytes and where each begins."""
    arrays = {name: getattr(model, name) for name in ARRAYS}
    for name in ("profile_ids", "item_ids"):
        encoded = [str(one).encode() for one in flat(getattr(model, name)).to_pylist()]
        arrays[f"{name}_utf8"] = np.frombuffer(b"".join(encoded), np.uint8)
        arrays[f"{name}_start"] = np.cumsum([0, *(len(one) for one in encoded)], dtype=np.int64)
    return arrays


def model_fingerprint(arrays: dict[str, Any], info: ModelInfo) -> str:
    """What identifies a model: its arrays and how they were made."""
    parts = [part for name in sorted(arrays) for part in (name, np.ascontiguousarray(arrays[name]).tobytes())]
    return fingerprint("model", *parts, asdict(info))


ID_ARRAYS = ("profile_ids_utf8", "profile_ids_start", "item_ids_utf8", "item_ids_start")


def _load(folder: Path, name: str, files: dict[str, str]) -> Any:
    path = folder / f"{name}.npy"
    try:
        if _hash(path) != files[path.name]:
            raise ModelError(f"{path} is not the file that was saved", fix=RETRAIN)
        if path.stat().st_size == 0:
            raise ModelError(f"{path} is empty", fix=RETRAIN)
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}", fix=RETRAIN) from error
    return array


def _assemble(arrays: dict[str, Any], info: ModelInfo, print_: str, seconds: float, folder: Path) -> Model:
    ids = {}
    for name in ("profile_ids", "item_ids"):
        start, utf8 = arrays.pop(f"{name}_start"), arrays.pop(f"{name}_utf8")
        ids[name] = pa.LargeStringArray.from_buffers(len(start) - 1, pa.py_buffer(start), pa.py_buffer(utf8))
    model = Model(**ids, **arrays, info=info, fingerprint=print_, seconds=seconds)
    rows = (len(model.profile_ids), len(model.item_ids))
    if model.profile_factors.shape[0] != rows[0] or model.item_factors.shape[0] != rows[1]:
        raise ModelError(f"the arrays in {folder} do not belong together", fix=RETRAIN)
    return model


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
