"""How one row becomes one mail: the stages, in the order in which they happen.

``plan`` runs everything that is columnar (read, segment, train, recommend, compile, choose); after it, who
gets which blocks is known for the whole audience and nothing has been rendered. ``render_plan`` turns
recipients into mails, a batch at a time. Each stage is a function of what came before it; the clock, the
seed and the occasion are part of the request.
"""

from mailwright.engine.composing import (
    Links,
    assign,
    audience_rule,
    compile_mail,
    declared_experiments,
    holdouts,
    render_context,
    run_fingerprint,
    select_recipients,
)
from mailwright.engine.outline import Outline
from mailwright.engine.planning import Plan, Shared, delivery_columns, plan, plan_campaign, render_plan
from mailwright.engine.reading import (
    Source,
    read_workspace,
    refuse_missing_files,
    segment_audience,
    trained_model,
)
from mailwright.engine.recommending import (
    beside,
    join_columns,
    recommend,
    recommend_asked_lists,
    shown_before,
    strategies,
)
from mailwright.engine.request import DEVELOPMENT_SECRET, FEEDBACK, LAST_GOOD, SHIPPED, Request

__all__ = [
    "DEVELOPMENT_SECRET",
    "FEEDBACK",
    "LAST_GOOD",
    "SHIPPED",
    "Links",
    "Outline",
    "Plan",
    "Request",
    "Shared",
    "Source",
    "assign",
    "audience_rule",
    "beside",
    "compile_mail",
    "declared_experiments",
    "delivery_columns",
    "holdouts",
    "join_columns",
    "plan",
    "plan_campaign",
    "read_workspace",
    "recommend",
    "recommend_asked_lists",
    "refuse_missing_files",
    "render_context",
    "render_plan",
    "run_fingerprint",
    "segment_audience",
    "select_recipients",
    "shown_before",
    "strategies",
    "trained_model",
]
