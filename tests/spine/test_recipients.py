from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from mailwright.recipients import admit

DAY = datetime(2026, 11, 20, tzinfo=UTC)


def profiles(*rows):
    columns = {
        "profile_id": pa.string(),
        "email": pa.string(),
        "email_key": pa.string(),
        "email_problem": pa.string(),
        "unsubscribed": pa.bool_(),
        "consent": pa.list_(pa.string()),
        "last_seen_at": pa.timestamp("us", "UTC"),
    }
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in columns.items()})


def person(profile_id, **values):
    row = {
        "profile_id": profile_id,
        "email": f"{profile_id}@example.com",
        "consent": ["news"],
        "unsubscribed": False,
        **values,
    }
    return row | {"email_key": row["email"] and row["email"].lower()}


def reasons(*rows, audience=None, purpose="news"):
    inside = pa.chunked_array([pa.array(audience or [True] * len(rows), pa.bool_())])
    return list(admit(profiles(*rows), inside, purpose=purpose).reasons)


def test_a_person_with_address_and_consent_is_a_recipient():
    assert reasons(person("a")) == [""]


def test_each_reason_is_found():
    found = reasons(
        person("a", email=None, email_problem="no_address"),
        person("b", email=None, email_problem="no_at_sign"),
        person("c", unsubscribed=True),
        person("d", consent=["other"]),
        person("e", consent=None),
        person("f", consent=[None, "news"]),
        person("g", unsubscribed=None),
    )
    assert found == ["no_address", "invalid_address", "unsubscribed", "no_consent", "no_consent", "", ""]


def test_an_unknown_audience_does_not_hold():
    assert reasons(person("a"), person("b"), person("c"), audience=[True, None, False]) == [
        "",
        "not_in_audience",
        "not_in_audience",
    ]


def test_the_first_reason_is_the_one_recorded():
    assert reasons(person("a", unsubscribed=True, consent=None), audience=[False]) == ["not_in_audience"]


def test_one_address_gets_one_mail_at_the_profile_seen_last():
    found = reasons(
        person("a", email="x@example.com", last_seen_at=None),
        person("b", email="X@Example.com", last_seen_at=DAY),
        person("c", email="x@example.com", last_seen_at=DAY),
        person("d", email="y@example.com"),
    )
    assert found == ["duplicate_address", "", "duplicate_address", ""]


def test_one_who_gets_no_mail_does_not_take_it_from_another_with_the_same_address():
    found = reasons(
        person("a", email="x@example.com"),
        person("b", email="x@example.com", last_seen_at=DAY, unsubscribed=True),
    )
    assert found == ["", "unsubscribed"]


def test_without_a_purpose_consent_is_not_asked_for():
    assert reasons(person("a", consent=None), purpose=None) == [""]


def test_who_is_held_out_is_held_out_with_the_whole_mailbox():
    rows = profiles(
        person("a", email="x@example.com", last_seen_at=DAY),
        person("b", email="X@example.com"),
        person("c", email="y@example.com"),
        person("d", email="y@example.com", last_seen_at=DAY),
    )
    inside = pa.chunked_array([pa.array([True] * 4)])
    held = np.array([True, False, True, False])
    found = list(admit(rows, inside, purpose="news", held_out=held).reasons)
    # The profile that stands for the address decides for it, either way.
    assert found == ["holdout", "duplicate_address", "duplicate_address", ""]


def test_who_would_get_no_mail_anyway_holds_nobody_out():
    rows = profiles(
        person("a", email="x@example.com", last_seen_at=DAY, unsubscribed=True),
        person("b", email="x@example.com"),
    )
    inside = pa.chunked_array([pa.array([True, True])])
    held = np.array([True, False])
    assert list(admit(rows, inside, purpose="news", held_out=held).reasons) == ["unsubscribed", ""]


def test_counts_of_reasons_and_recipients_make_the_whole():
    rows = [person(str(number), unsubscribed=number % 3 == 0) for number in range(10)]
    inside = pa.chunked_array([pa.array([number != 1 for number in range(10)])])
    admission = admit(profiles(*rows), inside, purpose="news")
    assert admission.skipped == {"not_in_audience": 1, "unsubscribed": 4}
    assert admission.admitted.sum() + sum(admission.skipped.values()) == 10
