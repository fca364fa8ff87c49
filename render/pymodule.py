"""The Python text that the code of a campaign is written into, and the way back from its lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from render.plaintext import fewer_marks


@dataclass
class Module:
    """The Python text being written: lines, and for each the segment it came from."""

    mode: str
    known: frozenset[str]
    fields: frozenset[str]
    asset: Callable[[str], str] | None = None
    record: bool = False
    """Write down which arm of each ``if`` was taken, and remember nothing."""
    holes: bool = False
    """Mark every leaf, so that constant text and leaves can be told apart; remember nothing."""
    lines: list[str] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    fallbacks: list[tuple[str, int]] = field(default_factory=list)
    """Expression and segment of each use of ``fallback``, by number."""
    arms: list[tuple[str, int]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """Names of the row that any part reads."""
    parts: dict[str, frozenset[str]] = field(default_factory=dict)
    """Function → the names of the row that it reads."""
    count: int = 0
    remembered: dict[str, str] = field(default_factory=dict)
    """Text of a remembered function → its name."""

    def fresh(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def constant(self, text: str) -> str:
        """Constant text as Python."""
        if self.mode == "html":
            return repr(text.encode("ascii"))
        return repr(fewer_marks(text) if self.mode == "text" else text)

    @property
    def empty(self) -> str:
        return "b''" if self.mode == "html" else "''"

    @property
    def source(self) -> str:
        return "\n".join(self.lines) + "\n"

    def take(self, part: Module) -> None:
        """Go on from a module that was written after this one (``Before``)."""
        self.lines += part.lines
        self.origins += part.origins
        self.fallbacks[:] = part.fallbacks
        self.arms[:] = part.arms
        self.names |= part.names
        self.parts |= part.parts
        self.count = part.count
        self.remembered = dict(part.remembered)


@dataclass(frozen=True)
class Before:
    """All of a module that decides how the next part is written, but where its pictures are."""

    mode: str
    known: frozenset[str]
    fields: frozenset[str]
    record: bool
    holes: bool
    fallbacks: tuple[tuple[str, int], ...]
    arms: tuple[tuple[str, int], ...]
    count: int
    remembered: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, module: Module) -> Before:
        return cls(
            module.mode,
            module.known,
            module.fields,
            module.record,
            module.holes,
            tuple(module.fallbacks),
            tuple(module.arms),
            module.count,
            tuple(module.remembered.items()),
        )

    def module(self) -> Module:
        """An empty module that goes on from here."""
        return Module(
            self.mode,
            self.known,
            self.fields,
            record=self.record,
            holes=self.holes,
            fallbacks=list(self.fallbacks),
            arms=list(self.arms),
            count=self.count,
            remembered=dict(self.remembered),
        )
