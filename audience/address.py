"""Which addresses can be mailed, and when two of them are the same mailbox."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import idna
import pyarrow as pa
import pyarrow.compute as pc

from mailwright.model.schema import Attribute, Schema

LONGEST_ADDRESS, LONGEST_LOCAL_PART, LONGEST_DOMAIN = 254, 64, 253
"""Octets: RFC 5321, 4.5.3.1, with the erratum 1690 of RFC 3696 for the whole."""

ADDRESS_ATTRIBUTES: Schema = {
    "email_problem": Attribute(
        type="string",
        description="why this profile cannot be mailed: no_address, bad_domain … (docs/audience.md)",
    ),
    "email_key": Attribute(
        type="string", pii="direct", description="the mailbox; equal where two addresses are one"
    ),
}
"""What is found out about the address of every profile."""

_ATOM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~")
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")

_ATOMS, _NAME = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+", r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_EASY = rf"^{_ATOMS}(?:\.{_ATOMS})*@(?:{_NAME}\.)+[a-zA-Z]+$"
"""What nearly every address looks like. Unless it is long, nothing can be wrong with one, and its key is the
address in lower case (``check_address``)."""


def check_addresses(emails: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Three columns: the address (NULL when it cannot be mailed), its problem, and the mailbox's key.

    The problem is NULL for an address that can be mailed, ``no_address`` where there is none, else one of
    ``no_at_sign``, ``two_at_signs``, ``bad_local_part``, ``local_part_not_ascii`` (no ESP takes it),
    ``bad_domain`` and ``too_long``. The address keeps its writing, but for surrounding spaces; the key is
    what two ways of writing one mailbox share: lower case, the domain as DNS sees it.
    """
    easy = pc.and_(
        pc.match_substring_regex(emails, _EASY), pc.less_equal(pc.binary_length(emails), LONGEST_LOCAL_PART)
    )
    rest = pc.invert(pc.fill_null(easy, False))
    kept: list[str | None] = []
    problems: list[str | None] = []
    keys: list[str | None] = []
    for email in emails.filter(rest).to_pylist():
        problem, key = check_address(email)
        kept.append(None if problem else email.strip())
        problems.append(problem)
        keys.append(key)
    return (
        _replaced(emails, rest, kept),
        _replaced(pa.nulls(len(emails), pa.string()), rest, problems),
        _replaced(pc.ascii_lower(emails), rest, keys),
    )


def _replaced(column: pa.Array, where: pa.Array, values: list[str | None]) -> pa.Array:
    return pc.replace_with_mask(column, where, pa.array(values, pa.string()))


def check_address(email: str | None) -> tuple[str | None, str | None]:
    """The problem of one address, or None and its key.

    The grammar is RFC 5321's Mailbox without quoted local parts and address literals: they are lawful,
    and in practice always mistakes.
    """
    if email is None or not (email := unicodedata.normalize("NFC", email.strip())):
        return "no_address", None
    local, at, domain = email.rpartition("@")
    if not at:
        return "no_at_sign", None
    if "@" in local:
        return "two_at_signs", None
    if not local.isascii():
        return "local_part_not_ascii", None
    if any(not atom or not _ATOM.issuperset(atom) for atom in local.split(".")):
        return "bad_local_part", None
    ascii_domain = _ascii_domain(domain)
    if ascii_domain is None:
        return "bad_domain", None
    if len(local) > LONGEST_LOCAL_PART or len(local) + 1 + len(ascii_domain) > LONGEST_ADDRESS:
        return "too_long", None
    return None, f"{local.lower()}@{ascii_domain}"


@lru_cache(maxsize=100_000)
def _ascii_domain(domain: str) -> str | None:
    """The domain as DNS knows it, or None: two labels or more, the last not all digits (RFC 1123, 2.1)."""
    domain = domain.lower()
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return None
    labels = domain.split(".")
    if len(labels) < 2 or len(domain) > LONGEST_DOMAIN or labels[-1].isdigit():
        return None
    for label in labels:
        if not 1 <= len(label) <= 63 or not _LABEL.issuperset(label) or label[0] == "-" or label[-1] == "-":
            return None
    return domain
