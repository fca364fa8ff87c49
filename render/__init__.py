"""Block choice, compile once, render, plain text, checks and trace.

``load_library`` reads blocks and templates, ``compile_campaign`` puts a campaign's template with all its
blocks through MJML and the inliner once (and makes the editions that its experiments show), ``choose_blocks``
decides columnar who gets which block, and ``render_batch`` makes mails of rows, which ``render_frame`` does
over processes. ``explain_row`` says why one mail is as it is. docs/rendering.md explains the one mechanism.
"""

from render.batch import render_batch
from render.choose import Choices, choose_blocks
from render.compiled import CompiledCampaign
from render.context import RenderContext
from render.editions import compile_campaign
from render.explain import explain_row
from render.frame import render_frame
from render.library import Library, load_library

__all__ = [
    "Choices",
    "CompiledCampaign",
    "Library",
    "RenderContext",
    "choose_blocks",
    "compile_campaign",
    "explain_row",
    "load_library",
    "render_batch",
    "render_frame",
]
