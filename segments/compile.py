"""The rules of ``segments.yaml``, checked and in the order in which they can be computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from mailwright.errors import ConfigError, Location, RuleError, did_you_mean
from mailwright.model.segment import SegmentSpec
from rules import Rule, RuleCatalog, compile_rule


def compile_segments(
    specs: Mapping[str, SegmentSpec], catalog: RuleCatalog, at: Callable[[str], Location]
) -> dict[str, Rule]:
    """The compiled rule of every segment, each after those that it needs: the ones its rule names, its
    parent, and the members of its group that come before it.

    ``at`` says where a segment's rule stands. Raises RuleError for a rule that cannot be compiled and for a
    cycle, ConfigError for a parent that does not exist or shares the child's group.
    """
    whole = catalog.with_segments(specs)
    rules = {name: compile_rule(spec.rule, whole, at=at(name)) for name, spec in specs.items()}
    for name, spec in specs.items():
        _check_parent(name, spec, specs, at)
    needs = {name: sorted(needed(name, specs, rules)) for name in sorted(specs)}
    try:
        order = list(
            TopologicalSorter({name: sorted(some) for name, some in sorted(needs.items())}).static_order()
        )
    except CycleError as error:
        cycle = list(reversed(error.args[1]))
        first = min(cycle)
        raise RuleError(
            f"segments need each other in a cycle: {' → '.join(cycle)}",
            at=at(first),
            fix="a segment is computed after those its rule names, its parent, and those of its group with "
            "a higher priority; take one of these away",
        ) from error
    return {name: rules[name] for name in order if name in rules}


def needed(name: str, specs: Mapping[str, SegmentSpec], rules: Mapping[str, Rule]) -> set[str]:
    """The segments that must be known before ``name`` can be."""
    parent = specs[name].parent
    return set(rules[name].segments) | ({parent} if parent else set()) | set(before_in_group(name, specs))


def before_in_group(name: str, specs: Mapping[str, SegmentSpec]) -> Iterator[str]:
    """The segments of the same group that take their members first: higher priority, then earlier name."""
    spec = specs[name]
    for other, rival in specs.items():
        shared = spec.group is not None and rival.group == spec.group
        if shared and (-rival.priority, other) < (-spec.priority, name):
            yield other


def _check_parent(
    name: str, spec: SegmentSpec, specs: Mapping[str, SegmentSpec], at: Callable[[str], Location]
) -> None:
    if spec.parent is None:
        return
    if spec.parent not in specs:
        what = f"segment {name!r} has an unknown parent {spec.parent!r}"
        raise ConfigError(what, at=at(name), fix=did_you_mean(spec.parent, set(specs) - {name}))
    if spec.group is not None and specs[spec.parent].group == spec.group:
        what = f"segment {name!r} and its parent {spec.parent!r} are both in group {spec.group!r}"
        fix = "a profile is in only one segment of a group: give parent and child different groups"
        raise ConfigError(what, at=at(name), fix=fix)
