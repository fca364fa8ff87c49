"""Text to syntax tree: sqlglot parses, with no function of its own and within bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from sqlglot import exp, parser
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from mailwright.errors import Location, RuleError

MAX_LENGTH = 10_000
"""Characters of one rule."""
MAX_TOKENS = 2_000
MAX_DEPTH = 24
"""Parentheses, brackets, CASEs and prefix operators inside each other. sqlglot descends about twenty Python
frames for each, of the thousand that Python grants."""

MAX_TREE = 60
"""Operations inside each other; a sum of so many terms is one too, as each plus holds the ones before."""

_OPEN = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE}
_CLOSE = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END}
_PREFIX = {TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.TILDE}


class RuleDialect(Dialect):
    """SQL expressions in which every function call stays a plain call: rules bring their own functions."""

    class Parser(parser.Parser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parse for name, parse in parser.Parser.FUNCTION_PARSERS.items() if name == "CAST"
        }


def read(text: str, at: Location) -> exp.Expr:
    """The syntax tree of a rule.

    Raises RuleError, with the place in the file, for text that is no expression or exceeds the bounds.
    """
    if not text.strip():
        raise RuleError("the rule is empty", at=at, fix="write TRUE for a rule that holds for everyone")
    if len(text) > MAX_LENGTH:
        raise RuleError(f"the rule is longer than {MAX_LENGTH} characters", at=at, fix=_SPLIT)
    if "\0" in text:
        raise RuleError("the rule holds a NUL character", at=place(at, text, text.index("\0")))
    try:
        found = RuleDialect().tokenize(text)
        _bound(found, text, at)
        parsed = RuleDialect().parser().parse_into(exp.Condition, found, text)
    except SqlglotError as error:
        raise _syntax_error(error, text, at) from error
    except RecursionError as error:
        raise RuleError("the rule is nested too deeply", at=at, fix=_SPLIT) from error
    if len(parsed) != 1 or parsed[0] is None:
        raise RuleError("a rule is one expression", at=at, fix="join conditions with AND or OR")
    if _depth(parsed[0]) > MAX_TREE:
        raise RuleError(f"the rule has more than {MAX_TREE} operations inside each other", at=at, fix=_SPLIT)
    return parsed[0]


def _depth(tree: exp.Expr) -> int:
    """How deep the syntax tree is; a chain of ANDs, or of ORs, counts once."""
    deepest, waiting = 0, [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        for child in node.iter_expressions():
            chained = isinstance(node, exp.And | exp.Or) and type(child) is type(node)
            waiting.append((child, depth if chained else depth + 1))
    return deepest


_SPLIT = "split it into segments and combine them with segment('…')"


def _bound(found: list[Token], text: str, at: Location) -> None:
    if len(found) > MAX_TOKENS:
        raise RuleError(f"the rule has more than {MAX_TOKENS} words and signs", at=at, fix=_SPLIT)
    depth = prefixes = 0
    for token in found:
        if token.token_type is TokenType.SEMICOLON:
            raise RuleError("a rule is one expression, without ';'", at=place(at, text, token.start))
        depth += (token.token_type in _OPEN) - (token.token_type in _CLOSE)
        prefixes = prefixes + 1 if token.token_type in _PREFIX else 0
        if depth + prefixes > MAX_DEPTH:
            where = place(at, text, token.start)
            raise RuleError(f"the rule is nested more than {MAX_DEPTH} deep", at=where, fix=_SPLIT)


def place(at: Location, text: str, offset: int) -> Location:
    """Where in the file the character at ``offset`` of a rule stands; ``at`` is where the rule begins."""
    before = text[:offset]
    row = before.count("\n")
    line = text.split("\n")[row]
    column = offset - (before.rfind("\n") + 1) + 1
    if row == 0 and at.source is not None and at.column:
        begins = at.source.find(line, at.column - 1)
        if begins >= 0:
            return replace(at, column=begins + column)
    return replace(at, line=at.line + row if at.line else 0, column=column, source=line)


def _syntax_error(error: SqlglotError, text: str, at: Location) -> RuleError:
    details = getattr(error, "errors", None) or [{}]
    first = details[0]
    offset = len(text.rstrip())
    highlight = first.get("highlight") or ""
    if first.get("line"):
        lines = text.split("\n")
        row = first["line"] - 1
        # sqlglot's column is that of the last character of the word it stumbled over.
        offset = sum(len(line) + 1 for line in lines[:row]) + first["col"] - max(len(highlight), 1)
    what = f"the rule cannot be read at {highlight!r}" if highlight else "the rule cannot be read"
    return RuleError(
        what,
        at=place(at, text, max(0, min(offset, len(text)))),
        fix="a rule is an SQL condition such as points >= 1000 AND country IN ('NO', 'SE')",
    )
