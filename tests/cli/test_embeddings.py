"""Embeddings in a workspace: read, used and kept, and never in a mail's own data."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from recommend.embedding import VECTORS
from tests.cli.conftest import NOW
from tests.recommend.tiny_model import write_tiny_model


def settle(starter, text):
    config = starter / "mailwright.yaml"
    config.write_text(config.read_text() + text)


def test_a_model_in_the_workspace_is_asked_once_and_its_vectors_stay_out_of_what_is_sent(cli, starter):
    write_tiny_model(starter / "models" / "tiny")
    settle(starter, "recommend: { embeddings: { model: models/tiny } }\n")
    assert cli("train", "--workspace", starter, "--now", NOW, "--force").code == 0
    result = cli("run", "newsletter", "--workspace", starter, "--now", NOW)
    assert result.code == 0, result.err
    assert result.data["sent"] == 5
    (kept,) = (starter / ".mailwright" / "embeddings").iterdir()
    assert kept.suffix == ".npy"
    (archived,) = starter.glob(".mailwright/**/items.parquet")
    assert VECTORS not in pq.read_schema(archived).names
    row = cli("outbox", "list", "--workspace", starter).data["messages"][0]
    assert cli("replay", row["message_id"], "--workspace", starter).data["equal"]


@pytest.mark.parametrize(
    ("embeddings", "item", "words"),
    [
        ("{ model: models/none }", "", ["models/none", "mailwright.yaml:", "nothing is downloaded"]),
        ("{ attribute: vectr }", "vector: { type: list, items: { type: number } }", ["vectr", "'vector'"]),
        (
            "{ attribute: colour }",
            "colour: { type: string }",
            ["'colour' is no list of numbers", "type: list"],
        ),
        ("{ attribute: a, model: b }", "", ["an attribute or a model, and not both"]),
        ("{}", "", ["an attribute or a model, and not both"]),
    ],
)
def test_what_cannot_be_used_is_one_message_with_its_place(cli, starter, embeddings, item, words):
    settle(starter, f"recommend: {{ embeddings: {embeddings} }}\nitem: {{ {item} }}\n")
    result = cli("run", "newsletter", "--workspace", starter, "--now", NOW, "--dry-run")
    assert result.code == 1
    for word in ("mailwright.yaml:", *words):
        assert word in result.err
    assert "fault of Mailwright" not in result.err
