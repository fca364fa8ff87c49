"""YAML text read into a concept, remembering where everything stood."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from mailwright.errors import ConfigError, Location, did_you_mean
from mailwright.model.spec import Spec

DEEPEST, MOST_VALUES = 50, 100_000
"""Levels and values of a file, its aliases written out; more is a mistake or an attack."""

T = TypeVar("T")
Key = str | int


class _Loader(yaml.SafeLoader):
    """YAML with the booleans of version 1.2, so that ``on:`` is a key and ``locale: [no]`` is Norwegian."""

    yaml_implicit_resolvers = {  # noqa: RUF012 declared by PyYAML as it is
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True)
class Located(Generic[T]):
    """A value read from YAML, and the places of its keys."""

    value: T
    file: str
    lines: tuple[str, ...]
    root: yaml.Node | None

    def at(self, *path: Key) -> Location:
        """Where the value under ``path`` stands: the nearest enclosing place that the file has."""
        node, key_node = self.root, self.root
        for key in path:
            found = _child(node, key)
            if found is None:
                break
            key_node, node = found
        return self._location(node if _is_leaf(node) else key_node)

    def at_key(self, *path: Key) -> Location:
        """Where the last key of ``path`` itself stands."""
        found = _child(self._node(path[:-1]), path[-1])
        return self._location(found[0]) if found else self.at(*path[:-1])

    def _node(self, path: Sequence[Key]) -> yaml.Node | None:
        node = self.root
        for key in path:
            found = _child(node, key)
            if found is None:
                return node
            node = found[1]
        return node

    def _location(self, node: yaml.Node | None) -> Location:
        if node is None:
            return Location(self.file, 1)
        mark = node.start_mark
        column = mark.column + 1
        style = node.style if isinstance(node, yaml.ScalarNode) else None
        if style in ("'", '"'):
            column += 1
        elif style in ("|", ">"):  # a text of its own lines, that begins on one of the next
            for line in range(mark.line + 1, min(node.end_mark.line + 1, len(self.lines))):
                if words := self.lines[line].lstrip():
                    return self._place(line, len(self.lines[line]) - len(words) + 1)
        return self._place(mark.line, column)

    def _place(self, line: int, column: int) -> Location:
        source = self.lines[line] if line < len(self.lines) else None
        return Location(self.file, line + 1, column, source)


def parse_yaml(text: str, model: type[T] | Any, *, file: str, first_line: int = 1) -> Located[T]:
    """Read ``text`` as ``model`` (a ``Spec``, or a type such as ``dict[str, SegmentSpec]``).

    ``first_line`` is the number of the text's first line in ``file``, for front matter that stands inside
    another file. Raises ``ConfigError`` at the place of the first thing that is wrong.
    """
    padded = "\n" * (first_line - 1) + text
    lines = tuple(padded.split("\n"))
    root = _compose(padded, file, lines)
    located: Located[Any] = Located(None, file, lines, root)
    _refuse_bombs(root, located)
    _refuse_duplicate_keys(root, located)
    data = _construct(root, located)
    try:
        value = TypeAdapter(model).validate_python(data if data is not None else {})
    except ValidationError as error:
        raise _config_error(error, model, located) from error
    return Located(value, file, lines, root)


def _compose(text: str, file: str, lines: tuple[str, ...]) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place: Located[None] = Located(None, file, lines, None)
        at = place._place(mark.line, mark.column + 1) if mark else Location(file)
        raise ConfigError(f"this is not YAML: {error.problem or error.context}", at=at) from error
    except RecursionError as error:
        raise ConfigError(f"this is nested more than {DEEPEST} levels deep", at=Location(file, 1)) from error
    except yaml.YAMLError as error:  # characters that YAML does not allow carry no mark
        raise ConfigError(f"this is not YAML: {error}", at=Location(file)) from error


def _construct(root: yaml.Node | None, located: Located[Any]) -> Any:
    if root is None:
        return None
    loader = _Loader("")
    try:
        return loader.construct_document(root)
    except (yaml.YAMLError, ValueError) as error:
        problem = getattr(error, "problem", None) or str(error)
        mark = getattr(error, "problem_mark", None)
        at = located._place(mark.line, mark.column + 1) if mark else Location(located.file, 1)
        raise ConfigError(f"this YAML cannot be read: {problem}", at=at) from error
    finally:
        loader.dispose()


def _refuse_bombs(root: yaml.Node | None, located: Located[Any]) -> None:
    """Raise ConfigError for anchors that hold themselves or blow up, and for nesting without end."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node, above: tuple[int, ...]) -> int:
        """The number of values that the node stands for once all aliases are written out."""
        if id(node) in above:
            raise ConfigError("this anchor holds itself", at=located._location(node), fix="write it out")
        if len(above) > DEEPEST:
            raise ConfigError(f"this is nested more than {DEEPEST} levels deep", at=located._location(node))
        if id(node) not in sizes:
            inside = (*above, id(node))
            parts = node.value if isinstance(node, yaml.CollectionNode) else ()
            children = [child for part in parts for child in (part if isinstance(part, tuple) else (part,))]
            sizes[id(node)] = 1 + sum(size(child, inside) for child in children)
        return sizes[id(node)]

    if root is not None and size(root, ()) > MOST_VALUES:
        raise ConfigError(
            f"its aliases make more than {MOST_VALUES:,} values of this", at=located._location(root)
        )


def _refuse_duplicate_keys(node: yaml.Node | None, located: Located[Any]) -> None:
    if isinstance(node, yaml.SequenceNode):
        for element in node.value:
            _refuse_duplicate_keys(element, located)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen and key.value != "<<":
            raise ConfigError(
                f"the key {key.value!r} stands here twice",
                at=located._location(key),
                fix="keep one of the two",
            )
        if isinstance(key.value, str):
            seen.add(key.value)
        _refuse_duplicate_keys(value, located)


def _child(node: yaml.Node | None, key: Key) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == str(key):
                return key_node, value_node
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key]
    return None


def _is_leaf(node: yaml.Node | None) -> bool:
    return isinstance(node, yaml.ScalarNode)


def _config_error(error: ValidationError, model: Any, located: Located[Any]) -> ConfigError:
    problems = error.errors(include_url=False)
    first = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")  # a misspelt key first
    path = first["loc"]
    more = f" (and {len(problems) - 1} more in this file)" if len(problems) > 1 else ""
    name = ".".join(str(part) for part in path)
    if first["type"] == "extra_forbidden":
        key = str(path[-1])
        known = _field_names(model, path[:-1])
        what = f"unknown key {key!r}" + (f" under {'.'.join(map(str, path[:-1]))}" if path[:-1] else "")
        return ConfigError(what + more, at=located.at_key(*path), fix=did_you_mean(key, known))
    if first["type"] == "missing":
        what = f"the key {path[-1]!r} is missing" if path else "the file is empty"
        return ConfigError(what + more, at=located.at(*path[:-1]), fix=f"add `{path[-1]}: …`")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] in ("model_type", "dict_type"):
        message = "keys with values are expected here (`key: value`)"
    message = message[0].lower() + message[1:]
    what = f"{name}: {message}" if name else message
    return ConfigError(what + more, at=located.at(*path))


def _field_names(model: Any, path: Sequence[Key]) -> list[str]:
    """The keys that are allowed at ``path`` below ``model``."""
    for step in path:
        model = _step(model, step)
    model = _spec_of(model)
    if not (isinstance(model, type) and issubclass(model, Spec)):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _step(model: Any, step: Key) -> Any:
    model = _spec_of(model)
    if isinstance(model, type) and issubclass(model, Spec):
        field = model.model_fields.get(str(step))
        return field.annotation if field else None
    arguments = typing.get_args(model)
    return arguments[-1] if arguments and arguments[-1] is not Ellipsis else (arguments or (None,))[0]


def _spec_of(model: Any) -> Any:
    """``X`` of ``X | None``."""
    if isinstance(model, types.UnionType) or typing.get_origin(model) is typing.Union:
        return next((part for part in typing.get_args(model) if part is not type(None)), None)
    return model
