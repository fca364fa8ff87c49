"""Which items each profile is shown, and why: a Surprise model, and what to fall back on.

``train`` learns a model from interactions; ``recommend_items`` asks the tiers of ``tiers/`` in order, from
the most personal (collaborative) to the least (editorial), until every profile has its items, each with a
source, a score and a reason. The model is plain arrays on disk (``save_model``, ``load_model``;
``ModelVersions`` keeps several). ``evaluate`` judges a recipe on what happened next, ``tune`` searches for a
better one.
"""

from recommend.chain import recommend_items
from recommend.evaluation import Evaluation, evaluate
from recommend.model import Model
from recommend.recommendations import Recommendations
from recommend.storage import load_model, save_model
from recommend.training import train
from recommend.tuning import tune
from recommend.versions import ModelVersions

__all__ = [
    "Evaluation",
    "Model",
    "ModelVersions",
    "Recommendations",
    "evaluate",
    "load_model",
    "recommend_items",
    "save_model",
    "train",
    "tune",
]
