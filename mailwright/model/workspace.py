"""``mailwright.yaml``: what a workspace declares of its data, its brand and its way to the mailbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, model_validator

from mailwright.model.audience import Expectation, IdentitySpec, RetentionSpec
from mailwright.model.campaign import Sender
from mailwright.model.delivery import DeliverySpec
from mailwright.model.experiment import HoldoutSpec
from mailwright.model.learned import ClusterSpec, ScoreSpec
from mailwright.model.schema import Schema
from mailwright.model.spec import Spec
from mailwright.model.theme import ThemeSpec
from mailwright.model.tracking import LinkSpec


class DataSource(Spec):
    """One file, or one query of a database.

    ``columns`` renames: the name in the source → the attribute; null leaves it out.
    """

    path: str | None = None
    format: Literal["csv", "parquet", "jsonl", "segment"] | None = None
    """None: by the file's ending. ``segment`` is JSON Lines of Segment's identify and track calls."""
    query: str | None = None
    url_env: str | None = None
    """Name of the environment variable that holds the database's SQLAlchemy URL, never the URL itself."""
    columns: dict[str, str | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_place(self) -> DataSource:
        if (self.path is None) == (self.query is None):
            raise ValueError("a source has a path, or a query (with url_env), and not both")
        if (self.query is None) != (self.url_env is None):
            raise ValueError("a query needs url_env: the environment variable with the database's URL")
        return self


class DataSpec(Spec):
    """Where profiles, items and interactions come from; paths are relative to the workspace."""

    profiles: DataSource
    items: DataSource | None = None
    interactions: DataSource | None = None
    max_reject_rate: float = Field(default=0.05, ge=0, le=1)
    """A larger share of rejected rows in any of the three is an error."""


class Blend(Spec):
    """What the collaborative score is made of: weights of standardised parts (docs/recommend.md)."""

    factors: float = Field(default=1.0, ge=0)
    """The Surprise model."""
    neighbours: float = Field(default=1.0, ge=0)
    """Items that the same profiles met."""
    popularity: float = Field(default=2.0, ge=0)
    """What sells now."""
    own: float = Field(default=4.0, ge=0)
    """What the profile itself buys again and again; only of use where repeats are allowed."""


class EmbeddingSpec(Spec):
    """Where vectors of items come from: from an attribute, or from a model in a folder of the workspace."""

    attribute: str | None = None
    """The item attribute that holds them: a list of numbers."""
    model: str | None = None
    """Folder of a model2vec model, which is given title, description and category of each item; it needs the
    extra ``embeddings``, and nothing is downloaded."""

    @model_validator(mode="after")
    def _one_way(self) -> EmbeddingSpec:
        if (self.attribute is None) == (self.model is None):
            raise ValueError("embeddings have an attribute or a model, and not both")
        return self


class RecommendSpec(Spec):
    """How interactions become recommendations; docs/recommend.md explains each number."""

    weights: dict[str, float] = Field(
        default_factory=lambda: {
            "product_viewed": 0.2,
            "email_clicked": 0.3,
            "product_added": 0.5,
            "order_completed": 1.0,
        }
    )
    """How much one event of each type says about taste; an event not named says nothing. A click on an item
    in a mail says more than a look, for the mail had to be opened first, and less than a basket: an
    estimate, not a measurement. Opens say nothing of any item."""
    half_life_days: float = Field(default=42, gt=0)
    factors: int = Field(default=64, ge=1, le=1024)
    epochs: int = Field(default=21, ge=1, le=500)
    algorithm: Literal["svd", "svdpp", "nmf", "knn", "baseline"] = "svd"
    """Which of Surprise's algorithms is trained."""
    negatives: int = Field(default=8, ge=1, le=100)
    """Items not met that are shown as such beside each one met, drawn anew every epoch."""
    rating: str | None = None
    """The field of interactions that holds an explicit rating; then ratings are learned and not events."""
    blend: Blend = Blend()
    popularity_half_life_days: float = Field(default=7, gt=0)
    min_interactions: int = Field(default=3, ge=1)
    """Items that a profile must have met before collaborative filtering is asked."""
    margin: float | None = None
    """How far a collaborative item must lie above the profile's average item, popularity left out, in
    standard deviations; one that does not is left to the tiers below. None: any may be."""
    embeddings: EmbeddingSpec | None = None
    """Vectors of items, which make half of the likeness of words."""
    cohorts: tuple[str, ...] = ("country",)
    """Profile attributes whose values make cohorts, beside the segments."""
    repeat: bool = False
    """Whether items already bought may be recommended."""
    repeat_categories: tuple[str, ...] = ()
    """Categories of goods that are bought again: recommended again even where ``repeat`` is off."""
    blocked_categories: tuple[str, ...] = ()
    min_price: float | None = Field(default=None, ge=0)
    max_price: float | None = Field(default=None, ge=0)
    diversity: float = Field(default=0.0, ge=0, le=1)
    """0: by score alone; 1: as unlike each other as can be (maximal marginal relevance)."""
    avoid_last_mail: bool = False
    """Whether the items that the last mail showed a profile are left out of its next one."""
    max_per_category: int | None = Field(default=None, ge=1)
    editorial: tuple[str, ...] = ()
    """Item ids, the last resort, in order."""


class EspSpec(Spec):
    """Which adapter sends, where it points and which environment variables hold its credentials."""

    adapter: str = "folder"
    base_url: str | None = None
    credentials: dict[str, str] = Field(default_factory=dict)
    """Credential → name of the environment variable that holds it, never the secret itself."""
    options: dict[str, Any] = Field(default_factory=dict)


class AttributesSpec(EspSpec):
    """Segments and recommendations as profile attributes of a platform (docs/sending.md)."""

    adapter: str
    prefix: str = "mw_"
    """Before every attribute's name."""
    segments: tuple[str, ...] | None = None
    """Those that are told; None: all."""
    recommendations: int = Field(default=3, ge=0, le=20)
    """How many items each profile has."""
    strategy: str = "for_you"
    fields: tuple[str, ...] = ("item_id", "title", "url", "image", "price")
    """Of each item."""


class WorkspaceSpec(Spec):
    """The whole of ``mailwright.yaml``."""

    name: str
    sender: Sender
    data: DataSpec
    profile: Schema = Field(default_factory=dict)
    """Attributes beside those that every profile has (``schema.PROFILE_ATTRIBUTES``)."""
    item: Schema = Field(default_factory=dict)
    event: Schema = Field(default_factory=dict)
    """Fields of interactions beside those that every one has."""
    events: tuple[str, ...] = ()
    """Names of events beside ``schema.STANDARD_EVENTS``; rules may name no others."""
    identity: IdentitySpec = IdentitySpec()
    retention: RetentionSpec = RetentionSpec()
    expect: tuple[Expectation, ...] = ()
    """What must hold of the data beside the schema."""
    brand: dict[str, Any] = Field(default_factory=dict)
    """Read in templates as ``brand.…``: name, address, logo, links."""
    theme: ThemeSpec = ThemeSpec()
    locale: str = "en"
    timezone: str = "UTC"
    base_url: str = "https://example.com"
    """Where the workspace's own pages (unsubscribe, view in browser) are served."""
    assets_base_url: str | None = None
    """Where published pictures are found; without it a mail with a local picture cannot be sent."""
    secret_env: str = "MAILWRIGHT_SECRET"  # noqa: S105 the variable's name, not its value
    inliner: Literal["premailer", "css-inline"] = "premailer"
    clusters: dict[str, ClusterSpec] = Field(default_factory=dict)
    """Groups to be found among profiles, by the attribute's name; ``mailwright fit`` finds them."""
    scores: dict[str, ScoreSpec] = Field(default_factory=dict)
    """Predictions of what profiles will do, by the attribute's name; ``mailwright fit`` makes them."""
    recommend: RecommendSpec = RecommendSpec()
    esp: EspSpec = EspSpec()
    attributes: AttributesSpec | None = None
    """Where segments and recommendations are kept as profile attributes."""
    delivery: DeliverySpec = DeliverySpec()
    links: LinkSpec = LinkSpec()
    """What is added to the links of mails, and whether clicks are counted on their way."""
    store: str | None = None
    """SQLAlchemy address of the outbox; None: a SQLite file in ``.mailwright``."""
    holdout: HoldoutSpec | None = None
    """Profiles that get no mail at all, of any campaign or trigger: the global holdout."""
    seed: int = 0
    clock: datetime | None = None
    """A fixed "now" for examples and tests; a real workspace leaves it out."""

    @property
    def learned(self) -> Schema:
        """The attributes that are learned: the label of each group, each score."""
        groups = {name: spec.attribute for name, spec in self.clusters.items()}
        return groups | {name: spec.attribute for name, spec in self.scores.items()}
