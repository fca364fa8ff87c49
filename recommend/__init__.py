"""Which items each profile is shown, and why: a Surprise model, and what to fall back on.

``train`` learns a model from interactions; ``recommend_items`` asks the tiers of ``tiers/`` in order, from
the most personal (collaborative) to the least (editorial), until every profile has its items, each with a
source, a score and a reason. The model is plain arrays on disk (``save_model``, ``load_model``).
"""

from recommend.chain import recommend_items
from recommend.model import Model
from recommend.recommendations import Recommendations
from recommend.storage import load_model, save_model
from recommend.training import train

__all__ = ["Model", "Recommendations", "load_model", "recommend_items", "save_model", "train"]
