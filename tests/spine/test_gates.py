import pytest

from mailwright.gates import Figures, hold_against
from mailwright.model.campaign import Gates

FIGURES = Figures(eligible=100, rendered=90, with_fallback=9, largest_bytes=51_200, blocks=4, blocks_shown=3)


@pytest.mark.parametrize(
    ("gate", "holding", "breaking", "value"),
    [
        ("max_fallback_rate", 0.1, 0.09, 0.1),
        ("max_skipped", 0.1, 0.09, 0.1),
        ("max_size_kb", 50, 49, 50),
        ("min_coverage", 0.75, 0.76, 0.75),
        ("min_recipients", 90, 91, 90),
        ("max_recipients", 90, 89, 90),
    ],
)
def test_a_gate_holds_at_its_limit_and_breaks_beyond_it(gate, holding, breaking, value):
    (held,) = hold_against(Gates(**{gate: holding}), FIGURES)
    assert (held.name, held.value, held.holds) == (gate, value, True)
    (broken,) = hold_against(Gates(**{gate: breaking}), FIGURES)
    assert not broken.holds


def test_a_campaign_that_states_no_gate_has_none():
    assert hold_against(Gates(), FIGURES) == []


def test_an_empty_audience_breaks_no_share_but_a_minimum():
    nobody = Figures(eligible=0, rendered=0, with_fallback=0, largest_bytes=0, blocks=3, blocks_shown=0)
    gates = hold_against(Gates(max_skipped=0, max_fallback_rate=0, min_recipients=1), nobody)
    assert [gate.name for gate in gates if not gate.holds] == ["min_recipients"]
