"""The feature matrix of the documentation, made of what the adapters declare."""

from __future__ import annotations

from pathlib import Path

from send.adapter import Capabilities
from send.catalog import adapter_names, capabilities_of

_BEGIN = "<!-- matrix: made by send.matrix, checked by tests/send/test_docs.py -->"
_END = "<!-- /matrix -->"
_HEAD = (
    "| adapter | class | mails a call | recipients of one body | key lives | own headers | List-Unsubscribe "
    "| webhooks | resolves *unknown* | what is given up |\n|---|---|---|---|---|---|---|---|---|---|\n"
)


def feature_matrix() -> str:
    """A Markdown table, one row an adapter."""
    return _HEAD + "".join(_row(name, capabilities_of(name)) for name in adapter_names())


def _row(name: str, limits: Capabilities) -> str:
    grouped = f"{limits.max_grouped:,}" if limits.max_grouped else "–"
    if limits.max_grouped and not limits.grouped_headers:
        grouped += " (without headers of their own)"
    cells = (
        f"`{name}`",
        limits.shape,
        f"{limits.max_messages:,}",
        grouped,
        _life(limits),
        "yes" if limits.headers else "no",
        "ours" if limits.list_unsubscribe else "the platform's",
        limits.webhooks,
        "by its key" if limits.key_life else "by webhooks" if _resolves(limits) else "by an operator",
        limits.gives_up or "–",
    )
    return "| " + " | ".join(cells) + " |\n"


def _life(limits: Capabilities) -> str:
    if limits.key_life is None:
        return "no key"
    hours = limits.key_life.total_seconds() / 3600
    if hours >= 24 * 365:
        return "for good"
    return f"{hours:g} h" if hours >= 1 else f"{hours * 60:g} min"


def _resolves(limits: Capabilities) -> bool:
    return limits.webhooks != "none" and limits.correlates


def main() -> None:
    """Rewrites the matrix of ``docs/sending.md``."""
    path = Path(__file__).parents[1] / "docs" / "sending.md"
    path.write_text(with_matrix(path.read_text(encoding="utf-8")), encoding="utf-8")


def with_matrix(text: str) -> str:
    """The page with the matrix between its two marks."""
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    return f"{head}{begin}\n{feature_matrix()}{end}{tail}"


if __name__ == "__main__":
    main()
