"""Experiments and holdouts of triggers: the same arms as a run, written down with each mail."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from mailwright.engine import declared_experiments
from mailwright.model.campaign import CampaignSpec
from mailwright.model.experiment import HoldoutSpec, arm_of, is_held_out
from mailwright.model.workspace import EspSpec
from mailwright.model.yamltext import Located
from send import open_adapter, open_outbox
from tests.triggers.conftest import NOW, track
from tests.triggers.test_runs import OFFER, with_files
from triggers import compile_triggers
from triggers.live import Triggers
from triggers.recorded import recorded_messages

ARMS = "{ arms: { plain: {}, bold: { subject: A bold one, strategy: trending } } }"
TESTED = f"{OFFER}experiments:\n  words: {ARMS}\n"
CALLS = [track(f"p{n}", "page_viewed", 0) for n in range(30)]


@pytest.fixture
def sent_of(workspace, shared_world, tmp_path):
    """``sent_of(text)`` → the messages recorded, and subject by profile as the ESP got it."""

    def run(text, changed=workspace):
        files = with_files(changed, t=text)
        adapter = open_adapter(EspSpec(adapter="memory"), {}, root=tmp_path)
        outbox = open_outbox(f"sqlite:///{tmp_path}/t.db", clock=lambda: NOW.timestamp())
        world = replace(shared_world, workspace=files, compiled={})
        live = Triggers(world, compile_triggers(files), outbox=outbox, adapter=adapter)
        made = {}
        make = live._firing._mails.make

        def seen(*args):
            found = make(*args)
            made.update({m.message.profile_id: m.message for m in found if m.message})
            return found

        live._firing._mails.make = seen
        live.ingest(CALLS, now=NOW)
        live.fire_all(NOW + timedelta(minutes=1))
        rows = recorded_messages(outbox.db, {}).to_pylist()
        outbox.close()
        return live, {row["profile_id"]: row for row in rows}, made

    return run


def test_a_trigger_shows_the_arm_that_its_profile_has_in_every_path(sent_of, workspace):
    live, rows, made = sent_of(TESTED)
    assert len(rows) == len(made) == 30
    trigger = compile_triggers(with_files(workspace, t=TESTED))["t"]
    request = live._firing._world.request("offer", "", NOW, trigger)
    specs, content = declared_experiments(request)
    shown = Counter()
    for profile, row in rows.items():
        arm = arm_of("words", specs["words"], profile, now=NOW, content=content["words"])
        assert [(one["experiment"], one["arm"]) for one in row["arms"]] == [("words", arm)]
        assert (made[profile].subject == "A bold one") == (arm == "bold")
        assert b'"experiments":{"words":"' + arm.encode() in made[profile].trace
        shown[arm] += 1
    assert set(shown) == {"plain", "bold"}


@pytest.mark.parametrize("scope", ["global", "campaign:offer", "trigger:t"])
def test_every_holdout_is_respected_and_written_down(sent_of, workspace, scope):
    spec, text, changed = HoldoutSpec(share=0.4), OFFER, workspace
    if scope == "trigger:t":
        text += "holdout: { share: 0.4 }\n"
    elif scope == "global":
        config = workspace.config
        whole = config.value.model_copy(update={"holdout": spec})
        changed = replace(workspace, config=_with(config, whole))
    else:
        file = workspace.campaign_files["offer"]
        held: CampaignSpec = file.value.model_copy(update={"holdout": spec})
        changed = replace(workspace, campaign_files={**workspace.campaign_files, "offer": _with(file, held)})
    _, rows, made = sent_of(text, changed)
    expected = {f"p{n}" for n in range(30) if is_held_out(spec, scope, f"p{n}")}
    assert 3 < len(expected) < 27
    assert {name for name, row in rows.items() if row["skip_reason"] == "holdout"} == expected
    assert set(made) == {f"p{n}" for n in range(30)} - expected
    assert all(re.fullmatch("[0-9a-f]{32}", row["message_id"]) for row in rows.values())


def _with(file: Located, value):
    return replace(file, value=value)


def test_the_same_name_twice_is_refused(workspace):
    from mailwright.errors import ConfigError

    file = workspace.campaign_files["offer"]
    spec = compile_triggers(with_files(workspace, t=TESTED))["t"].spec.experiments
    held = _with(file, file.value.model_copy(update={"experiments": spec}))
    changed = replace(workspace, campaign_files={**workspace.campaign_files, "offer": held})
    with pytest.raises(ConfigError, match="has an experiment 'words' too"):
        compile_triggers(with_files(changed, t=TESTED))
