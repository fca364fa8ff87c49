"""Addresses as the wire takes them: RFC 5322 quoting, RFC 2047 names, RFC 6531 and IDN."""

from __future__ import annotations

import functools
import re
from email.header import Header
from email.utils import formataddr

import idna

from mailwright.errors import SendError
from mailwright.model.message import Address

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+"
_DOT_ATOM = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")
_UTF8_LOCAL = re.compile(r"[^\s\x00-\x20\x7f()<>\[\]:;@\\,\"]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")
_BIDI = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@functools.lru_cache(maxsize=50_000)
def ascii_domain(domain: str) -> str:
    """The domain in ASCII; an audience has far fewer domains than addresses."""
    return idna.encode(domain, uts46=True).decode()


class BadAddress(SendError):
    """An address that no ESP could mail to."""


def wire_email(email: str, *, smtputf8: bool = False) -> str:
    """The address with its domain in ASCII (IDNA 2008, UTS 46 mapped).

    A Unicode local part passes only where the ESP speaks SMTPUTF8. Raises BadAddress for anything that is
    not one plain address (RFC 5321: local part ≤ 64 octets, all ≤ 254), so nothing can be smuggled in.
    """
    local, at, domain = email.rpartition("@")
    if any("\ud800" <= character <= "\udfff" for character in email):
        raise BadAddress("an address holds half of a surrogate pair, which is no text")
    if not at or not local or not domain:
        raise BadAddress(f"{email!r} is not an address: it needs one @ with text on both sides")
    if not _DOT_ATOM.fullmatch(local):
        if local.isascii() or not _UTF8_LOCAL.fullmatch(local):
            raise BadAddress(f"{email!r}: the part before @ holds a character that an address cannot have")
        if not smtputf8:
            raise BadAddress(f"{email!r}: this ESP does not take an address that is not ASCII before the @")
    try:
        domain = ascii_domain(domain)
    except idna.IDNAError as error:
        raise BadAddress(f"{email!r}: {domain!r} is not a domain ({error})") from error
    if "." not in domain and domain != "localhost":
        raise BadAddress(f"{email!r}: {domain!r} is not a whole domain")
    if len(local.encode()) > 64 or len(local.encode()) + 1 + len(domain) > 254:
        raise BadAddress(f"{email!r} is longer than an address may be (RFC 5321)")
    return f"{local}@{domain}"


def canonical(email: str) -> str:
    """The form in which two spellings of one mailbox are equal: for suppression and duplicates.

    Domains are case-insensitive by RFC; local parts are so in practice, and treating them so errs on the
    side of not mailing.
    """
    local, _, domain = email.strip().rpartition("@")
    try:
        domain = ascii_domain(domain)
    except idna.IDNAError:
        domain = domain.lower()
    return f"{local.casefold()}@{domain}"


def display_name(name: str) -> str:
    """The name as it may be shown: one line, no control or direction-changing characters, ≤ 120 of them."""
    return " ".join(_BIDI.sub("", _CONTROL.sub(" ", name)).split())[:120].rstrip()


def header_value(address: Address, *, smtputf8: bool = False) -> str:
    """The address as a header or a form field takes it: ASCII, the name quoted or an encoded word."""
    email = wire_email(address.email, smtputf8=smtputf8)
    name = display_name(address.name)
    if not name:
        return email
    if "=?" in name:
        # ASCII, and yet a reader would take it for an encoded word: encoded, it means itself.
        return f"{Header(name, 'utf-8').encode(maxlinelen=0)} <{email}>"
    shown = formataddr((name, "x@x.example")).removesuffix("<x@x.example>").strip()
    return f"{shown} <{email}>"


def check_header(name: str, value: str) -> None:
    """SendError when a header could be read as two, or is not one at all (RFC 5322, 2.2)."""
    if not re.fullmatch(r"[!-9;-~]+", name):
        raise SendError(f"{name!r} is not the name of a header")
    if _CONTROL.search(value):
        raise SendError(f"header {name} holds a line break or a control character")
