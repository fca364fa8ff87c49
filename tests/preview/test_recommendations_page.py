"""The recommendations page: whose it shows, and what it says of nobody."""


def test_a_profile_is_found_by_its_address_in_any_letters(client):
    profiles = client.app.state.desk.ground().source.audience.profiles.to_pylist()
    one = next(row for row in profiles[50:] if row["email"])
    page = client.get("/recommendations", params={"id": f" {one['email'].upper()} "}).text
    assert f"<code>{one['profile_id']}</code>" in page


def test_an_unknown_profile_is_said_above_the_form_to_try_again(client):
    for asked in ("FF-nobody", "nobody@example.org"):
        answer = client.get("/recommendations", params={"id": asked})
        assert answer.status_code == 404
        assert f'name="id" value="{asked}"' in answer.text
        assert f"there is no profile &#39;{asked}&#39;" in answer.text


def test_the_field_names_the_profile_that_was_found_by_its_address(client):
    person = client.app.state.desk.ground().source.audience.profiles.slice(3, 1).to_pylist()[0]
    page = client.get("/recommendations", params={"id": person["email"]}).text
    assert f'value="{person["profile_id"]}"' in page
    assert person["email"] not in page
