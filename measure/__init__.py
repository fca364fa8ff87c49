"""Did it work, for whom, because of which block: experiments, holdouts, results and what follows from them.

``assign_arms`` and ``held_out_mask`` decide who is shown what, or nothing, for whole columns (for one profile
``mailwright.model.experiment`` gives the same answer). ``measure_results`` joins webhooks and orders to the
messages that were sent and says what came of them, with how much certainty. Nothing here sends, reads a clock
or keeps state: tables in (``measure.schema``), figures out. Beside the names below there are the modules
``record`` (makes the tables), ``planning`` (history), ``periods`` (over time), ``promotion``, ``alerts``,
``proposals`` and ``plots``.
"""

from measure.assignment import assign_arms, held_out_mask
from measure.export import export_results
from measure.facts import Attribution, Question
from measure.feedback import outcome_interactions
from measure.planning import plan_experiment
from measure.results import Results, measure_results
from measure.simulate import simulate_outcomes

__all__ = [
    "Attribution",
    "Question",
    "Results",
    "assign_arms",
    "export_results",
    "held_out_mask",
    "measure_results",
    "outcome_interactions",
    "plan_experiment",
    "simulate_outcomes",
]
