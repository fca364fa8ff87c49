"""The slow way, for each recipient anew: Jinja itself over the MJML source, then MJML, then the inliner.

It shares the filters and escapes with the compiled way and nothing else: Jinja's own compiler evaluates the
template, and MJML and the inliner see the values themselves instead of tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Undefined, nodes, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeTransformer

from mailwright.model.tracking import Tagger
from render import escapes, formats, language
from render.asked import read_ask
from render.clock import clock_filters
from render.compiled import CompiledCampaign
from render.context import RenderContext
from render.expressions import FUNCTIONS
from render.filters import FILTERS, TESTS
from render.kiln import inline, mjml
from render.links import link_maker, tag_all
from render.placed import Token
from render.restoring import OPEN, SHUT, written
from render.rows import Row
from render.source import Segment, Source


class _Slow(SandboxedEnvironment):
    """Jinja with the language's meaning of members, missing values and arithmetic."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        return (
            getattr(obj, attribute) if isinstance(obj, LoopContext) else language.get(_known(obj), attribute)
        )

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, slice):
            return language.part(_known(obj), argument.start, argument.stop, argument.step)
        return language.get(_known(obj), argument)

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ARG002
        return True  # only the globals below can be reached

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002
        left, right = _known(left), _known(right)
        if operator == "+":
            return language.add(left, right)
        if operator == "**":
            return language.power(left, right)
        return self.binop_table[operator](language.number(left), language.number(right))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Plain().visit(super()._parse(source, name, filename))
        return tree


class _Plain(NodeTransformer):
    """Puts the language's own functions where Jinja would use Python's."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 Jinja's name
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, "_concat", [], [], None, None, lineno=node.lineno)

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 Jinja's name
        if isinstance(node.node, nodes.Name) and node.node.name == "recommend":
            node.args, node.kwargs = [nodes.Const(read_ask(node).column)], []
        self.generic_visit(node)
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 Jinja's name
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "_rounds", [], [], None, None, lineno=node.lineno)
        return node


def _known(value: Any) -> Any:
    return None if isinstance(value, Undefined) else value


def _lenient(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        return function(*map(_known, arguments), **{key: _known(value) for key, value in named.items()})

    return called


def _local(function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def called(context: Context, *arguments: Any, **named: Any) -> Any:
        return function(*map(_known, arguments), locale=context["locale"], **named)

    return called


class SlowWay:
    """One campaign, rendered for each row from its source."""

    def __init__(self, compiled: CompiledCampaign, context: RenderContext) -> None:
        self.compiled = compiled
        self._left = [language.MAX_STEPS]
        environment = _Slow(
            block_start_string=OPEN + "%",
            block_end_string="%" + SHUT,
            variable_start_string=OPEN + "{",
            variable_end_string="}" + SHUT,
            comment_start_string=OPEN + "#",
            comment_end_string="#" + SHUT,
            keep_trailing_newline=True,
            optimized=False,
        )
        environment.filters = {name: _lenient(function) for name, function in FILTERS.items()}
        local: dict[str, Callable[..., str]] = {
            "country": formats.country,
            "money": formats.money,
            "number": formats.decimal,
            "percent": formats.percent,
        }
        local["date"] = formats.dates(compiled.settings.timezone)
        clock = clock_filters(compiled.settings.timezone, context.now)
        local["countdown"] = clock.pop("countdown")
        environment.filters |= {name: _lenient(function) for name, function in clock.items()}
        environment.filters |= {name: _local(function) for name, function in local.items()}
        environment.filters |= {name: _escape(function) for name, function in escapes.HTML.items()}
        environment.filters["_url"] = lambda link, _: _checked(link)
        environment.filters["_href"] = lambda link, *_: _checked(link)  # made anew in the finished mail
        environment.filters["_rounds"] = lambda values: language.steps(_known(values), self._left)
        environment.filters["_concat"] = lambda parts: language.concat(*map(_known, parts))
        environment.tests = {name: _lenient(function) for name, function in TESTS.items()}
        environment.globals = self._functions(context)
        links = compiled.settings.links.under(compiled.spec.links)
        tagger = Tagger.of(links, compiled.name, context.signer.base_url)
        self._link = link_maker(tagger, context.signer)
        slots = compiled.all_slots.values()
        self._defaults = {block.name: block.spec.defaults for slot in slots for block in slot.blocks}
        self._template = environment.from_string(self._source())

    def _functions(self, context: RenderContext) -> dict[str, Any]:
        translate = formats.translator(dict(self.compiled.strings), self.compiled.settings.locale)

        def abort(reason: str) -> None:
            raise language.AbortError(reason)

        @pass_context
        def segment(context: Context, name: str) -> bool:
            return context[f"segment:{name}"] is True

        @pass_context
        def recommend(context: Context, column: str) -> Any:
            return context[column]

        made = {
            "item": lambda item: context.catalogue.get(_known(item)),
            "recommend": recommend,
            "segment": segment,
            "t": _local(translate),
            "abort": abort,
            "range": language.numbers,
            "asset": self.compiled.assets.__getitem__,
        }
        return {name: made[name] for name in FUNCTIONS}

    def _source(self) -> str:
        """The template with a choice of blocks at each slot."""
        template = self.compiled.template
        nowhere = Source("", "")
        segments = [Segment(kind, text, nowhere, 0) for kind, text in template.segments]
        shown: list[str] = []
        for piece in template.jinja:
            if not isinstance(piece, Token):
                shown.append(str(piece))
            elif piece.kind != "mark":
                shown.append(written(piece, segments, "html"))
            else:
                word, _, name = segments[piece.segment].text.partition(":")
                if word == "block":
                    given = self._defaults[name]
                    names = [f"{key} = {key} | fallback(_defaults[{name!r}].{key})" for key in given]
                    shown.append(
                        f"{OPEN}% if {name!r} in _blocks %{SHUT}{OPEN}% with {', '.join(names)} %{SHUT}"
                    )
                shown.append(f"{OPEN}% endwith %{SHUT}{OPEN}% endif %{SHUT}" if word == "endblock" else "")
        return "".join(shown)

    def source(self, row: Row, blocks: Mapping[str, str | None]) -> str:
        """The MJML of one completed row (see ``Program.complete``)."""
        self._left[:] = [language.MAX_STEPS]
        language.WORK.left = language.MAX_WORK
        return self._template.render({**row, "_blocks": set(blocks.values()), "_defaults": self._defaults})

    def html(self, row: Row, blocks: Mapping[str, str | None]) -> str:
        """The HTML of one completed row with these blocks."""
        html = inline(mjml(self.source(row, blocks)), self.compiled.settings.inliner)
        return tag_all(html, lambda link: self._link(link, row["@id"]))


def _escape(function: Callable[[Any], str]) -> Callable[..., str]:
    return lambda value, _: function(_known(value))


def _checked(link: str) -> str:
    from html import unescape

    escapes.url(unescape(link))
    return link
