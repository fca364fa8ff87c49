"""What is learned of profiles rather than declared: the clusters they fall into, and predictive scores.

Each is an attribute of every profile by the name it has in ``mailwright.yaml``: rules ask
``shopper_type = 'loyal high-value'`` and ``buys_soon > 0.4``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mailwright.model.schema import Attribute
from mailwright.model.spec import Spec

ClusterMethod = Literal["kmeans", "hierarchical", "dbscan"]
Learner = Literal["boosting", "linear", "tree"]
Question = Literal["purchase_30d", "churn_90d", "value_90d"]

MIN_AUC = 0.65
"""Below it a score says too little to be acted on."""


class ClusterSpec(Spec):
    """Groups to be found in the data. The attribute is the label of a profile's group, missing in none."""

    features: tuple[str, ...] = Field(min_length=1)
    """Numeric attributes and features that make the groups."""
    categories: tuple[str, ...] = ()
    """Texts that describe the groups without making them; none that identifies a person."""
    method: ClusterMethod = "kmeans"
    k: int | None = Field(default=None, ge=2, le=50)
    """How many; None: the number of 2 to 10 with the best silhouette."""
    components: int | None = Field(default=None, ge=1, le=100)
    """Principal components that the features are first rotated onto; None: the features as they are."""
    description: str = ""

    @property
    def attribute(self) -> Attribute:
        """The group's label, as rules and templates see it."""
        return Attribute(type="string", description=self.description or "the group that this profile is in")


class ScoreSpec(Spec):
    """A number for every profile: predicted here, or taken from a column that somebody else computed."""

    predicts: Question | None = None
    learner: Learner = "boosting"
    """Gradient boosting, or one that can be read: ``linear`` or a shallow ``tree``."""
    min_auc: float = Field(default=MIN_AUC, ge=0.5, le=1)
    """The quality below which the score is not published: it is then missing for everybody."""
    column: str | None = None
    """The attribute of profiles that holds a score computed elsewhere."""
    version: str | None = None
    """Of the model that computed it."""
    auc: float | None = Field(default=None, ge=0, le=1)
    """What whoever computed it measured."""
    max: float | None = 1.0
    """The largest value that a score computed elsewhere can have; null: none."""
    description: str = ""

    @model_validator(mode="after")
    def _one_origin(self) -> ScoreSpec:
        if (self.predicts is None) == (self.column is None):
            raise ValueError("a score predicts something, or names the column that holds it, and not both")
        if (self.column is None) != (self.version is None):
            raise ValueError("a score from a column states the version of the model that computed it")
        if self.column is None and self.auc is not None:
            raise ValueError("auc is for a score from a column; what is predicted here is measured here")
        return self

    @property
    def attribute(self) -> Attribute:
        """The score, as rules and templates see it."""
        high = None if self.predicts == "value_90d" else 1.0 if self.predicts else self.max
        return Attribute(type="number", min=0, max=high, description=self.description or self._meaning)

    @property
    def _meaning(self) -> str:
        return MEANINGS[self.predicts] if self.predicts else f"{self.column}, by model {self.version}"


MEANINGS: dict[Question, str] = {
    "purchase_30d": "probability of an order within 30 days",
    "churn_90d": "probability that a buyer of the last 180 days orders nothing in 90",
    "value_90d": "money expected to be spent within 90 days",
}
"""What each question asks, for people."""
