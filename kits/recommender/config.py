"""Settings of the recommender kit beside core's, and how they are put together."""

from __future__ import annotations

from typing import Any, Literal, Unpack

from pydantic import Field, field_validator

from core.config import (
    DataConfig,
    KitConfig,
    ModelConfig,
    ProcessServeConfig,
    Rung,
    Section,
    StoreConfig,
    TrainConfig,
)
from core.options import Given, read_options

PRESETS: dict[str, dict[str, Any]] = {
    "en": {"preset": "en"},
    "zh": {"preset": "zh", "train": {"analyzer": "char"}},
}


class LogConfig(DataConfig):
    """Where items and events come from, and how clicks become lists to learn from."""

    items: tuple[str, ...] = Field((), title="Sources of the items; sources are those of the events")
    click_rating: float = Field(4.0, title="MovieLens: a rating of at least so much is a click")
    test_fraction: float = Field(0.1, title="Latest share of the events, held out for the report", ge=0, lt=0.8)
    negatives: int = Field(20, title="Items sampled beside each click where no lists were logged", ge=1)
    test_negatives: int = Field(99, title="Likewise, in validation and test", ge=1)


class ClickConfig(ModelConfig):
    """The encoder, and the two towers on it."""

    history_items: int = Field(30, title="Latest events of a user that make the user's vector", ge=1, le=500)
    loss: Literal["both", "listwise", "pointwise"] = Field("both", title="Softmax over the list, BCE, or their sum")
    text_dimensions: int = Field(256, title="Dimensions of the vectors of the TF-IDF rung", ge=2, le=4096)
    prior_strength: float = Field(1.0, title="Events that the prior of a user without history counts as", ge=0)


class ClickTrainConfig(TrainConfig):
    """Which models are tried, and how they are trained."""

    rungs: tuple[Rung, ...] = Field(
        ("tfidf", "probe", "tuned"), title="Item vectors to try, cheapest first: tfidf, probe, tuned", min_length=1
    )
    epochs: int | None = Field(None, title="Passes over the lists (none: 8 with frozen vectors, 2 tuned)", ge=1)
    tower_lr: float = Field(1e-3, title="Learning rate of the towers", gt=0, le=1)
    batch_tokens: int = Field(16_384, title="Tokens of distinct items in one update of the encoder", ge=256)
    cache_steps: int = Field(64, title="A vector in the cache is at most so many updates old (0: no cache)", ge=0)

    @field_validator("rungs")
    @classmethod
    def _rungs_are_ours(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if others := [rung for rung in value if rung not in ("tfidf", "probe", "tuned")]:
            raise ValueError(f"expected some of tfidf, probe, tuned; not {', '.join(others)}")
        return value


class CandidateConfig(Section):
    """What may get on a list."""

    interests: int = Field(4, title="Interests of a user that are searched separately", ge=1, le=32)
    per_interest: int = Field(60, title="Nearest items of each interest", ge=0)
    popular: int = Field(60, title="Most clicked items of late", ge=0)
    recent: int = Field(40, title="Newest items", ge=0)
    category: int = Field(40, title="Most clicked items of the user's categories", ge=0)
    clicked_together: int = Field(60, title="Items clicked by those who clicked the user's", ge=0)
    max_age_days: float | None = Field(None, title="Older items are left out (none: no limit)", gt=0)
    repeat: bool = Field(False, title="Recommend also what the user has clicked before")


class RankConfig(Section):
    """The second stage: a gradient-boosted ranker over features."""

    is_on: bool = Field(True, title="Rank with features (off: by the towers alone)")
    trees: int = Field(200, title="Most trees", ge=1)
    leaves: int = Field(31, title="Leaves of a tree", ge=2)
    lr: float = Field(0.1, title="Shrinkage", gt=0, le=1)
    min_leaf_rows: int = Field(50, title="Least rows in a leaf", ge=1)
    most_lists: int = Field(15_000, title="Latest training lists that the ranker learns from", ge=100)
    folds: int = Field(2, title="Later stretches of training that are scored by models of the earlier ones", ge=1)
    half_life_days: float = Field(30.0, title="Popularity of late: a click counts half after so long", gt=0)
    check_fraction: float = Field(
        0.33, title="Latest share of the validation window that may refuse promotion", gt=0, lt=1
    )


class DiversifyConfig(Section):
    """What a list is made of beside its scores."""

    method: Literal["mmr", "calibrated"] = Field("mmr", title="Against likeness, or for the history's categories")
    trade_off: float = Field(0.3, title="0: by score alone; 1: by variety alone", ge=0, le=1)
    per_category: int | None = Field(None, title="Most items of one category on a list (none: no cap)", ge=1)
    per_author: int | None = Field(None, title="Most items of one author on a list (none: no cap)", ge=1)
    pool: int = Field(100, title="Best candidates that a list is made from", ge=1, le=1000)
    explore_slots: int = Field(0, title="Places of a served list that are filled at random, with logged chance", ge=0)


class ExperimentConfig(Section):
    """Two or more ways to make lists, compared by what is clicked."""

    name: str = Field("", title="Name of the comparison; another one deals the users out anew")
    buckets: dict[str, float] = Field({}, title="Bucket = its share of the users; all together 1")
    trade_off: dict[str, float] = Field({}, title="Bucket = its diversify.trade_off")

    @field_validator("buckets")
    @classmethod
    def _shares_add_up(cls, value: dict[str, float]) -> dict[str, float]:
        if value and (min(value.values()) <= 0 or abs(sum(value.values()) - 1) > 1e-6):
            raise ValueError("expected shares above 0 that add up to 1")
        return value


class RecommenderConfig(KitConfig):
    """All settings of ``kits.recommender``."""

    preset: Literal["en", "zh"] = Field("en", title="What the defaults were made for, and the report's language")
    data: LogConfig = Field(LogConfig(), title="Items and events")
    model: ClickConfig = Field(ClickConfig(), title="Encoder and towers")
    train: ClickTrainConfig = Field(ClickTrainConfig(), title="Training")
    candidate: CandidateConfig = Field(CandidateConfig(), title="Candidates")
    rank: RankConfig = Field(RankConfig(), title="Ranker")
    diversify: DiversifyConfig = Field(DiversifyConfig(), title="Variety of a list")
    experiment: ExperimentConfig = Field(ExperimentConfig(), title="Comparison of buckets")
    store: StoreConfig = Field(StoreConfig(url="sqlite:///recommender.db"), title="Database")
    serve: ProcessServeConfig = Field(ProcessServeConfig(), title="HTTP")


def read_config(**given: Unpack[Given]) -> RecommenderConfig:
    """Put the configuration together from the options of the command line.

    Raises:
        ConfigError: Names every wrong setting at once.
    """
    return read_options(RecommenderConfig, PRESETS, given)
