from hypothesis import given
from hypothesis import strategies as st

from mailwright.model.identity import bucket, fingerprint, message_id
from mailwright.model.links import LinkSigner


def test_a_message_id_belongs_to_campaign_profile_and_occasion_alone():
    base = message_id("newsletter", "p1", "week 1")
    assert base == message_id("newsletter", "p1", "week 1")
    others = {
        message_id("other", "p1", "week 1"),
        message_id("newsletter", "p2", "week 1"),
        message_id("newsletter", "p1", "week 2"),
    }
    assert len(others | {base}) == 4


@given(st.text(), st.text(), st.text())
def test_a_message_id_is_the_fingerprint_of_its_parts(campaign, profile_id, occasion):
    expected = fingerprint("message", campaign, profile_id, occasion)
    assert message_id(campaign, profile_id, occasion) == expected


@given(st.lists(st.text()), st.lists(st.text()))
def test_fingerprints_of_different_parts_differ(left, right):
    assert (fingerprint(*left) == fingerprint(*right)) == (left == right)


def test_moving_a_boundary_between_parts_changes_the_fingerprint():
    assert fingerprint(b"ab", b"c") != fingerprint(b"a", b"bc")


@given(st.text(), st.text())
def test_a_bucket_is_stable_and_in_the_unit_interval(salt, profile_id):
    assert 0 <= bucket(salt, profile_id) < 1
    assert bucket(salt, profile_id) == bucket(salt, profile_id)


def test_buckets_spread_evenly():
    low = sum(bucket("experiment", f"p{number}") < 0.1 for number in range(20_000))
    assert 1_800 < low < 2_200


@given(st.lists(st.text(), max_size=4))
def test_a_token_gives_back_what_was_signed(payload):
    signer = LinkSigner("https://mail.example.com", b"secret")
    assert signer.read("unsubscribe", signer.token("unsubscribe", *payload)) == tuple(payload)


@given(st.text())
def test_what_was_not_signed_here_is_not_read(token):
    assert LinkSigner("https://mail.example.com", b"secret").read("unsubscribe", token) is None


def test_a_token_of_one_purpose_or_secret_is_none_of_another():
    signer = LinkSigner("https://mail.example.com", b"secret")
    token = signer.token("unsubscribe", "p1")
    assert signer.read("view", token) is None
    assert LinkSigner(signer.base_url, b"other").read("unsubscribe", token) is None
    payload, mac = token.split(".")
    assert signer.read("unsubscribe", f"{payload}A.{mac}") is None
