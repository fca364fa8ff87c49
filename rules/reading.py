"""Closures that read: attributes, the clock, segments, the bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailwright.model.identity import bucket
from rules.context import Closure, RuleContext
from rules.kind import NUMBER
from rules.tree import Attr, Bucket, Now, Segment


def read_attribute(node: Attr) -> Closure:
    read = read_path(node.path)
    if node.kind == NUMBER:
        inner = read

        def read(profile: Mapping[str, Any], context: RuleContext) -> Any:
            value = inner(profile, context)
            return value if value == value else None  # NaN is a missing number

    default = node.default
    if default is None:
        return read
    known = read

    def with_default(profile: Mapping[str, Any], context: RuleContext) -> Any:
        value = known(profile, context)
        return default if value is None else value

    return with_default


def read_path(path: tuple[str, ...]) -> Closure:
    name, *rest = path
    if not rest:
        return lambda profile, _context: profile.get(name)

    def descend(profile: Mapping[str, Any], _context: RuleContext) -> Any:
        value = profile.get(name)
        for member in rest:
            if value is None:
                return None
            value = value.get(member)
        return value

    return descend


def read_clock(_node: Now) -> Closure:
    return lambda _profile, context: context.now


def read_segment(node: Segment) -> Closure:
    name = node.name
    return lambda _profile, context: name in context.segments


def read_bucket(node: Bucket) -> Closure:
    salt = node.salt
    return lambda profile, _context: bucket(salt, profile["profile_id"])
