"""Settings of the support kit: core's, and the presets to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Unpack
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from core.config import (
    CausalConfig,
    DeliverConfig,
    KitConfig,
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


class SupportTrainConfig(TrainConfig):
    """Core's settings of training, and a rung for few examples of each intent."""

    rungs: tuple[Rung, ...] = Field(
        ("tfidf", "probe", "blend", "contrast", "self_trained", "tuned", "tuned_blend"),
        title="Models to try, cheapest first",
        min_length=1,
    )


class PolicyConfig(Section):
    """What mistakes cost, in one unit of your choice; a right answer costs nothing."""

    cost_wrong: float = Field(3.0, title="Cost of a wrong answer", gt=0)
    cost_handoff: float = Field(1.0, title="Cost of a hand-over to a person", ge=0)
    cost_clarify: float = Field(0.5, title="Cost of a clarifying question, beside what follows from it", ge=0)
    out_of_scope_share: float | None = Field(
        None, title="Share of texts out of scope to expect (none: as in the data)", gt=0, lt=1
    )


class MatchConfig(Section):
    """The encoder that compares questions with passages and with each other."""

    tuning: Literal["auto", "overlap", "latent", "frozen", "lora", "full"] = Field(
        "auto",
        title="Shared terms, n-grams, the backbone as it is or tuned (auto: what reads the texts, then validation)",
    )


class IndexConfig(Section):
    """How passages are cut and searched."""

    passage_width: int = Field(
        600, title="Longest passage in Latin letters; a Chinese character counts as two", ge=100
    )
    searched: int = Field(12, title="Passages looked at for an answer", ge=1, le=200)
    dense: bool = Field(True, title="Search by meaning, too, not by words alone")


class AnswerConfig(Section):
    """When an answer out of the pages is good enough to be given, and how long it may be."""

    least_cover: float = Field(0.6, title="Share of the question's words, by rarity, that it must have", ge=0, le=1)
    least_score: float = Field(
        0.5, title="Least score of its best sentence: that share and a third of the cosine", ge=0
    )
    least_likeness: float = Field(0.85, title="An FAQ entry is given whose question is so like the customer's", gt=0)
    least_offer: float = Field(0.5, title="Where no text is approved, two entries are offered if one is so like", gt=0)
    least_terms: int = Field(3, title="A question with fewer words of content is too vague for one", ge=1)
    specific_margin: float = Field(
        0.25, title="It replaces the approved text when it has so much more of the question", gt=0, le=1
    )
    sentences: int = Field(3, title="At most so many sentences", ge=1)
    characters: int = Field(600, title="At most so many characters", ge=80)
    hosts: tuple[str, ...] = Field((), title="Own web addresses; sentences with any other are not quoted")


class GenerateConfig(Section):
    """Who may put an answer out of the pages into words of its own, if anybody."""

    url: str | None = Field(None, title="A server with OpenAI's chat interface: http://127.0.0.1:8001/v1")
    model: str = Field("", title="Name of the model on that server")
    key: str | None = Field(None, title="Key for that server, or env:NAME that holds it", repr=False)
    folder: Path | None = Field(None, title="Or a folder with a causal language model")
    seconds: float = Field(10.0, title="A server that takes longer is not waited for", gt=0)


class DialogueConfig(Section):
    """How a conversation is kept up."""

    tenant: str = Field("main", title="Whose conversations these are, where several share a database", min_length=1)
    timezone: str = Field("UTC", title="The company's zone, for dates and for what is valid today")
    person_intents: tuple[str, ...] = Field(("human_agent",), title="Intents of someone who wants a person")
    slot_minutes: float = Field(60.0, title="What a slot was filled with is forgotten after", gt=0)
    topic_minutes: float = Field(30.0, title="What was talked about is forgotten after", gt=0)
    max_characters: int = Field(2_000, title="Longer messages are refused", ge=50, le=20_000)

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("expected a zone such as Europe/London") from None
        return value


class Channel(Section):
    """A way in for customers beside the page: a signed webhook, or a Slack app."""

    name: str = Field(title="Name: /channels/NAME is its address", pattern=r"^[a-z][a-z0-9-]{0,19}$")
    kind: Literal["webhook", "slack"] = Field("webhook", title="Who is at the other end: a program of yours, or Slack")
    secret: str = Field(title="Key of the signatures, or env:NAME that holds it", min_length=1, repr=False)
    token: str | None = Field(None, title="Slack: the bot's token, or env:NAME that holds it", repr=False)
    url: str | None = Field(
        None, title="webhook: where replies are posted to (none: nowhere); slack: its API, if not the usual", repr=False
    )
    pages: str | None = Field(None, title="slack: where help pages stand, so that sources become links")
    language: Literal["en", "zh"] = Field("en", title="Language of what the channel itself says")

    @property
    def is_told(self) -> bool:
        """Whether what is said in it is sent somewhere."""
        return self.kind == "slack" or self.url is not None

    @model_validator(mode="after")
    def _slack_has_a_token(self) -> Channel:
        if self.kind == "slack" and not self.token:
            raise ValueError("expected a token for a channel of the kind slack")
        return self


class SupportConfig(KitConfig):
    """All settings of ``kits.support``."""

    preset: Literal["en", "zh"] = Field("en", title="What the defaults were made for, and the report's language")
    train: SupportTrainConfig = Field(SupportTrainConfig(), title="Training")
    policy: PolicyConfig = Field(PolicyConfig(), title="Costs")
    match: MatchConfig = Field(MatchConfig(), title="Matching")
    index: IndexConfig = Field(IndexConfig(), title="Index")
    answer: AnswerConfig = Field(AnswerConfig(), title="Answers")
    generate: GenerateConfig = Field(GenerateConfig(), title="Generation")
    tune: CausalConfig = Field(CausalConfig(), title="Tuning of the language model that writes answers")
    dialogue: DialogueConfig = Field(DialogueConfig(), title="Conversations")
    channels: tuple[Channel, ...] = Field((), title="Ways in beside the page: name, kind, secret, token, url")
    deliver: DeliverConfig = Field(DeliverConfig(), title="Replies that are sent to channels")
    store: StoreConfig = Field(StoreConfig(url="sqlite:///support.db"), title="Database")
    serve: ProcessServeConfig = Field(ProcessServeConfig(), title="HTTP")

    def without_secrets(self) -> SupportConfig:
        """The settings as a model folder keeps them, which is passed on: database and channels stay here."""
        return self.model_copy(update={"store": SupportConfig().store, "channels": ()})

    @property
    def told_channels(self) -> tuple[str, ...]:
        """Names of the channels that what is said in them is sent to."""
        return tuple(channel.name for channel in self.channels if channel.is_told)

    @field_validator("channels")
    @classmethod
    def _names_differ(cls, value: tuple[Channel, ...]) -> tuple[Channel, ...]:
        if len({channel.name for channel in value}) < len(value):
            raise ValueError("expected channels with different names")
        return value


def read_config(**given: Unpack[Given]) -> SupportConfig:
    """Put the configuration together from the options of the command line.

    Raises:
        ConfigError: Names every wrong setting at once.
    """
    return read_options(SupportConfig, PRESETS, given)
