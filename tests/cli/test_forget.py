"""A person who is erased is gone from everywhere, under every id and address that was ever theirs."""

import json

import pytest

from tests.cli.conftest import NOW

IDENTITY = "identity: { keys: [email, phone] }\n"
TRIGGER = "on: product_viewed\ncampaign: newsletter\nwait: 1 hour\n"
MORE = (
    "p1b,ADA@Example.com,en,newsletter,Ada B,GB,5,\n"
    "p1c,ada.lovelace@b\u00fccher.example,en,newsletter,Ada C,GB,7,0044 7700 900111\n"
)
CALLS = [
    {"type": "track", "messageId": "m0", "anonymousId": "anon-7", "event": "Product Viewed"},
    {"type": "identify", "messageId": "m1", "userId": "p1", "anonymousId": "anon-7",
     "traits": {"email": "ada.new@example.org", "firstName": "Adaline"}},
    {"type": "track", "messageId": "m2", "userId": "p1", "event": "Product Viewed",
     "properties": {"product_id": "i1"}},
    {"type": "track", "messageId": "m3", "userId": "p1b"},
    {"type": "track", "messageId": "m4", "userId": "p2"},
    {"type": "identify", "messageId": "m5", "userId": "live-1", "traits": {"email": "livia@example.org"}},
]  # fmt: skip


@pytest.fixture
def shop(cli, starter, monkeypatch):
    """Ada is three profiles of the starter, was mailed, came by live anonymously, and was refused."""
    monkeypatch.setenv("MAILWRIGHT_SECRET", "a secret that only this test has")
    config = starter / "mailwright.yaml"
    text = config.read_text().replace("  points: {", "  phone: { type: string, pii: direct }\n  points: {")
    config.write_text(text + IDENTITY)
    data = starter / "data" / "profiles.csv"
    head, ada, *rest = data.read_text().splitlines()
    phone = [f"{head},phone", f"{ada},+44 7700 900111", *(f"{row}," for row in rest)]
    data.write_text("\n".join(phone) + "\n" + MORE)
    (starter / "triggers").mkdir(exist_ok=True)
    (starter / "triggers" / "seen.yaml").write_text(TRIGGER)
    assert cli("send", "newsletter", "--workspace", starter, "--now", NOW).data["sent"] == 5
    calls = starter.parent / "calls.jsonl"
    torn = json.dumps({"userId": "p1", "email": "ada@example.com"}).removesuffix("}")
    calls.write_text("".join(json.dumps({"timestamp": NOW} | one) + "\n" for one in CALLS) + torn + "\n")
    assert cli("trigger", "take", calls, "--workspace", starter, "--now", NOW).data["accepted"] == 4
    return starter


def letters(cli, shop):
    return cli("trigger", "dead-letters", "--workspace", shop).data["dead_letters"]


@pytest.mark.parametrize("asked", ["p1", "p1b", "p1c"])
def test_any_of_their_ids_shows_and_erases_all_of_a_person(cli, shop, asked):
    held = cli("access", asked, "--workspace", shop, "--now", NOW).data
    assert held["profile_ids"] == ["p1c", "p1", "p1b"]
    assert [len(held["mails"]), len(held["sending"]["messages"])] == [1, 1]
    assert {row["profile_id"] for row in held["live"]["profiles"]} >= {"p1"}
    assert held["live"]["anonymous_ids"] == ["anon-7"]
    assert len(held["live"]["events"]) == 2
    assert len(held["live"]["dead_letters"]) == 2
    done = cli("forget", asked, "--workspace", shop)
    assert done.code == 0, done.err
    assert done.data["profile_ids"] == ["p1c", "p1", "p1b"]
    assert done.data["suppressed"] == 3
    assert done.data["elsewhere"] == []
    assert len(letters(cli, shop)) == 1, "another's refused call stays"
    for path in shop.rglob("*"):
        content = path.read_bytes().lower() if path.is_file() else b""
        for word in (b"ada@", b"ada.new", b"ada.lovelace", b"adaline", b"anon-7", b"7700", b'"p1'):
            assert word not in content, (path, word)
    again = cli("access", asked, "--workspace", shop, "--now", NOW)
    assert again.code == 2
    assert f"nothing is held of a profile '{asked}'" in again.err + again.out


def test_a_careless_re_import_mails_none_of_their_addresses(cli, shop):
    profiles = (shop / "data" / "profiles.csv").read_text()
    assert cli("forget", "p1", "--workspace", shop).code == 0
    spelled = (
        "ADA@EXAMPLE.COM",
        "Ada.New@example.org",
        "ada.lovelace@BU\u0308CHER.example",
        "ada@xn--bcher-kva.example",
    )
    rows = [f"q{n},{one},en,newsletter,Ada,GB,1,\n" for n, one in enumerate(spelled)]
    (shop / "data" / "profiles.csv").write_text(profiles + "".join(rows))
    (shop / "mailwright.yaml").write_text((shop / "mailwright.yaml").read_text().replace(IDENTITY, ""))
    sent = cli("send", "newsletter", "--occasion", "2", "--workspace", shop, "--now", NOW).data
    # p1, p1b and q0 are one mailbox, of which one mail would go; only the last of the four was never theirs.
    assert sent["delivery"]["skipped"] == {"suppressed": 3}
    assert sent["skipped"]["duplicate_address"] == 3


def test_somebody_whom_only_live_events_know_can_be_shown_and_erased(cli, shop):
    held = cli("access", "live-1", "--workspace", shop, "--now", NOW).data
    assert held["live"]["profiles"][0]["attributes"]["email"] == "livia@example.org"
    done = cli("forget", "live-1", "--workspace", shop).data
    assert (done["live"], done["suppressed"]) == (1, 1)
    assert cli("forget", "live-1", "--workspace", shop).code == 2


def test_what_the_person_at_the_keyboard_has_to_see_to_is_named(cli, shop):
    (shop / "samples").mkdir()
    (shop / "samples" / "ada.html").write_text("To ADA@example.com")
    (shop / "samples" / "other.html").write_text("To jada@example.com, ada@example.community")
    (shop / "mailwright.yaml").write_text((shop / "mailwright.yaml").read_text().replace(IDENTITY, ""))
    told = cli("forget", "p1", "--workspace", shop).data["elsewhere"]
    assert [line.partition(":")[0] for line in told] == [
        "profile p1b has the address too and stays",
        "data/profiles.csv still holds an address of theirs",
        "samples/ada.html still holds an address of theirs",
    ]


def test_an_interrupted_erasure_can_be_run_again(cli, shop, monkeypatch):
    def fail(*_args, **_more):
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("mailwright.privacy.forget_profile", fail)
        assert cli("forget", "p1b", "--workspace", shop).code != 0
    done = cli("forget", "p1b", "--workspace", shop)
    assert done.data["profile_ids"] == ["p1c", "p1", "p1b"]
    assert done.data["rows"]["profiles"] == 3
