"""Which addresses can be mailed: one line a case."""

from __future__ import annotations

import pytest

from audience.address import check_address

GOOD = {
    "kari@nord.example": "kari@nord.example",
    "  Kari.Nordmann+shop@Nord.EXAMPLE ": "kari.nordmann+shop@nord.example",
    "o'brien@post.example": "o'brien@post.example",
    "a@b.co": "a@b.co",
    "x" * 64 + "@nord.example": "x" * 64 + "@nord.example",
    "kari@blåbær.example": "kari@xn--blbr-roah.example",
    "kari@xn--blbr-roah.example": "kari@xn--blbr-roah.example",
    "kari@a-b.c-d.example": "kari@a-b.c-d.example",
    "kari@1.example": "kari@1.example",
}
BAD = {
    "": "no_address",
    "   ": "no_address",
    "kari": "no_at_sign",
    "kari.nord.example": "no_at_sign",
    "kari@@nord.example": "two_at_signs",
    "kari@nord@example.com": "two_at_signs",
    "@nord.example": "bad_local_part",
    ".kari@nord.example": "bad_local_part",
    "kari.@nord.example": "bad_local_part",
    "ka..ri@nord.example": "bad_local_part",
    "ka ri@nord.example": "bad_local_part",
    '"kari"@nord.example': "bad_local_part",
    "kari,ola@nord.example": "bad_local_part",
    "kari\r\nBcc: x@nord.example": "bad_local_part",
    "kåre@nord.example": "local_part_not_ascii",
    "kari@nord": "bad_domain",
    "kari@": "bad_domain",
    "kari@nord..example": "bad_domain",
    "kari@-nord.example": "bad_domain",
    "kari@nord-.example": "bad_domain",
    "kari@nord.example.": "bad_domain",
    "kari@nord_fjord.example": "bad_domain",
    "kari@nord.example>": "bad_domain",
    "kari@nord.exam ple": "bad_domain",
    "kari@127.0.0.1": "bad_domain",
    "kari@[127.0.0.1]": "bad_domain",
    "kari@" + "x" * 64 + ".example": "bad_domain",
    "kari@\u2024.example": "bad_domain",
    "x" * 65 + "@nord.example": "too_long",
    "x" * 60 + "@" + ".".join(["y" * 60] * 3) + ".example.example": "too_long",
}


@pytest.mark.parametrize(("email", "key"), GOOD.items())
def test_an_address_that_can_be_mailed_has_a_key(email, key):
    assert check_address(email) == (None, key)


@pytest.mark.parametrize(("email", "problem"), BAD.items())
def test_an_address_that_cannot_be_mailed_says_why(email, problem):
    assert check_address(email) == (problem, None)


def test_none_is_no_address():
    assert check_address(None) == ("no_address", None)
