"""``Recommender``: a trained model that lists items for users, follows events, and takes new items in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from kits.recommender.config import RecommenderConfig
from kits.recommender.event import Event, Impression, Item
from kits.recommender.model.candidate import Filter, Orders, find_candidates
from kits.recommender.model.feature import HISTORY, MODEL_SCORE, Known, fill_texts, state_features
from kits.recommender.model.rank import Ranker
from kits.recommender.model.shortlist import Recommendation, Shortlist
from kits.recommender.model.text import TextEncoder
from kits.recommender.model.tower import Floats, Tower
from kits.recommender.state.catalog import Catalog
from kits.recommender.state.shelf import Shelf
from kits.recommender.state.tally import Tally
from kits.recommender.state.user import User

SHORTLIST = 200


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An item near to another: ``score`` is the cosine of their texts."""

    item: Item
    score: float

    @property
    def item_id(self) -> str:
        """Key of the item."""
        return self.item.item_id


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates in the order in which they were given.

    Attributes:
        item_ids: What was ranked.
        scores: Of each ``(candidates,)``.
        features: Of each ``(candidates, features)``; columns as in ``feature.FEATURES``.
    """

    item_ids: tuple[str, ...]
    scores: NDArray[np.float64]
    features: NDArray[np.float32]

    def order(self) -> NDArray[np.int64]:
        """Places of the candidates, the best first."""
        return np.argsort(-self.scores, kind="stable")


class Recommender:
    """A model in memory. Threads may ask it side by side; who changes it must be alone, as ``Living`` sees to.

    Attributes:
        config: With which it was trained.
        catalog: The items by number.
        tally: Their counters.
        encoder: Reads texts.
        tower: Maps texts to item vectors and histories to queries.
        ranker: The second stage; None: the towers alone.
        users: The state of each user by id.
        version: Of the model folder.
    """

    def __init__(
        self,
        config: RecommenderConfig,
        catalog: Catalog,
        encoder: TextEncoder,
        tower: Tower,
        *,
        texts: Floats,
        tally: Tally | None = None,
        ranker: Ranker | None = None,
        users: dict[str, User] | None = None,
        version: str = "",
    ) -> None:
        self.config, self.catalog, self.encoder, self.tower = config, catalog, encoder, tower
        self.tally = tally or Tally(config.rank.half_life_days)
        self.tally.grow(len(catalog))
        self.ranker, self.users, self.version = ranker, users if users is not None else {}, version
        self._texts = Shelf(texts)
        self._shelf = self._texts if tower.is_plain else Shelf(tower.items(texts))
        self._orders, self._reading = Orders(), threading.Lock()

    @classmethod
    def load(cls, folder: Path | str) -> Recommender:
        """Read a model folder; every byte is verified and no code of it runs.

        Raises:
            ModelError: It is absent, damaged, or no model of this kit.
        """
        from kits.recommender.model.folder import load_recommender

        return load_recommender(Path(folder))

    def recommend(
        self,
        user_id: str | None = None,
        *,
        history: Sequence[str] = (),
        interests: str = "",
        k: int = 10,
        at: datetime | None = None,
        chosen: Filter | None = None,
    ) -> list[Recommendation]:
        """The best items for a user, the best first: the head of ``shortlist``.

        Args:
            user_id: A user of the log; one that is not known gets what suits most.
            history: Ids of items that a new user liked, the newest last; added to those of ``user_id``.
            interests: What a new user likes, in words; commas part several things.
            k: How many.
            at: As of when; now if not given.
            chosen: What is left out beside what the user has seen.

        Raises:
            DataError: An item of the history is not known.
        """
        user = self.user(user_id, history)
        return list(self.shortlist(user, self.wishes(interests), k, at=at, chosen=chosen))

    def shortlist(
        self,
        user: User,
        wishes: Floats | None = None,
        k: int = SHORTLIST,
        *,
        at: datetime | None = None,
        chosen: Filter | None = None,
    ) -> Shortlist:
        """The best candidates for a user's state, ranked, not yet diverse.

        Args:
            user: As ``user`` gives it.
            wishes: As ``wishes`` gives them.
            k: Most of them.
            at: As of when; now if not given.
            chosen: What is left out; by default what the settings say.
        """
        instant = _epoch(at)
        settings = self.config.candidate
        chosen = chosen or Filter(max_age_days=settings.max_age_days, repeat=settings.repeat)
        if wishes is not None and not len(wishes):
            wishes = None
        mapped = None if wishes is None else self.tower.items(wishes)
        query = self.tower.query(user, self._shelf.rows, mapped)
        found = find_candidates(
            self.catalog, self.tally, self._shelf, self._orders, user, instant,
            query=query, history=self.tower.history, config=settings, chosen=chosen, wishes=mapped,
        )  # fmt: skip
        numbers = np.fromiter(found, np.int64, len(found))
        texts = self._texts.rows[numbers]
        features = self._features(user, numbers, texts, instant, wishes, query)
        if self.ranker is not None and len(found):
            places, scores = self.ranker.choose(features, k)
        else:
            places = np.argsort(-features[:, MODEL_SCORE], kind="stable")[:k]
            scores = features[places, MODEL_SCORE].astype(np.float64)
        chosen_numbers = numbers[places].tolist()
        return Shortlist(
            [self.catalog.items[number] for number in chosen_numbers], scores,
            [found[number] for number in chosen_numbers], features[places], texts[places],
        )  # fmt: skip

    def rank(
        self,
        user: User | Sequence[str],
        item_ids: Sequence[str],
        at: datetime | None = None,
        wishes: Floats | None = None,
    ) -> Ranking:
        """Scores and features of given candidates.

        Args:
            user: A user's state, or ids of a history, the newest last.
            item_ids: The candidates.
            at: As of when; now if not given. Must not lie before the events that were observed.
            wishes: As ``wishes`` gives them.

        Raises:
            DataError: An item is not known.
        """
        state = user if isinstance(user, User) else self.user(None, user)
        mapped = None if wishes is None or not len(wishes) else self.tower.items(wishes)
        query = self.tower.query(state, self._shelf.rows, mapped)
        numbers = self.catalog.numbers(item_ids)
        features = self._features(state, numbers, self._texts.rows[numbers], _epoch(at), wishes, query)
        scores = features[:, MODEL_SCORE].astype(np.float64) if self.ranker is None else self.ranker.score(features)
        return Ranking(tuple(item_ids), scores, features)

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """How much each feature lifts each candidate ``(candidates, features)``; without a ranker the score itself."""
        if self.ranker is not None:
            return self.ranker.contributions(features)
        lifted = np.zeros(features.shape, dtype=np.float64)
        lifted[:, MODEL_SCORE] = features[:, MODEL_SCORE]
        return lifted

    def similar(self, item_id: str, k: int = 10) -> list[Neighbour]:
        """The available items whose texts are nearest to that of an item.

        Raises:
            DataError: There is no such item.
        """
        number = self.catalog.number(item_id)
        mask = self.catalog.available.copy()
        mask[number] = False
        ((numbers, scores),) = self._texts.search(self._texts.rows[number][None], k, mask)
        hits = zip(numbers.tolist(), scores.tolist(), strict=True)
        return [Neighbour(self.catalog.items[row], score) for row, score in hits]

    def user(self, user_id: str | None = None, history: Sequence[str] = ()) -> User:
        """The state of a user, with the items of a history added as clicks of now.

        Without a history it is the state itself, not a copy.

        Raises:
            DataError: An item of the history is not known.
        """
        known = self.users.get(user_id) if user_id is not None else None
        if not history:
            return known or User()
        state = deepcopy(known) if known else User()
        at = max(self.tally.clock, 0.0)
        for number in self.catalog.numbers(history).tolist():
            state.observe(number, 1.0, at)
        return state

    def wishes(self, interests: str) -> Floats:
        """Text vectors of interests in words ``(interests, dimension)``; commas part them."""
        parts = [part.strip() for part in interests.replace("，", ",").replace("、", ",").split(",") if part.strip()]
        vectors = self.encode(parts) if parts else np.zeros((0, self._texts.rows.shape[1]), dtype=np.float32)
        return np.asarray(vectors[np.linalg.norm(vectors, axis=1) > 0])

    def encode(self, texts: Sequence[str]) -> Floats:
        """Text vectors ``(texts, dimension)``; one batch at a time, as tokenizers fail when two threads share one."""
        with self._reading:
            return self.encoder.encode(texts)

    def vectors(self, item_ids: Sequence[str]) -> Floats:
        """Text vectors of items, of length one ``(items, dimension)``.

        Raises:
            DataError: There is no such item.
        """
        return self._texts.rows[self.catalog.numbers(item_ids)]

    @property
    def texts(self) -> Floats:
        """Text vectors of all items by number ``(items, dimension)``."""
        return self._texts.rows

    def observe(self, event: Event) -> None:
        """Take an event in: the next list of its user knows it.

        Raises:
            DataError: There is no such item.
        """
        number, at = self.catalog.number(event.item_id), event.at.timestamp()
        user = self.users.get(event.user_id)
        if user is None:  # setdefault would make one each time
            user = self.users[event.user_id] = User()
        self.tally.observe(user, number, event.weight, at, event.position)
        user.observe(number, event.weight, at)

    def observe_impression(self, shown: Impression) -> None:
        """Count a list as shown; its clicks come as events.

        Raises:
            DataError: There is no such item.
        """
        positions = shown.positions or (None,) * len(shown.item_ids)
        for item_id, position in zip(shown.item_ids, positions, strict=True):
            self.observe(Event(shown.user_id, item_id, "show", shown.at, shown.impression_id, position))

    def put_items(self, items: Iterable[Item]) -> None:
        """Add items or replace those with their ids; the next list may hold them."""
        added = list(items)
        if not added:
            return
        texts = self.encode([item.text for item in added])
        self.put_vectors(added, texts)

    def put_vectors(self, items: Sequence[Item], texts: Floats) -> None:
        """As ``put_items``, with text vectors that are known already ``(items, dimension)``."""
        for item, text, vector in zip(items, texts, self.tower.items(texts), strict=True):
            number = self.catalog.put(item)
            self._texts.put(number, text)
            if self._shelf is not self._texts:
                self._shelf.put(number, vector)
        self.tally.grow(len(self.catalog))

    def drop_item(self, item_id: str) -> None:
        """Never recommend an item again.

        Raises:
            DataError: There is no such item.
        """
        self.catalog.withdraw(item_id)

    def forget(self, user_id: str) -> bool:
        """Drop all that is known of a user; False where nothing was. Counters keep no names."""
        return self.users.pop(user_id, None) is not None

    def prepare_rebuild(self) -> Callable[[], None]:
        """Bring items that came in the meantime into FAISS, beside all else that goes on.

        Returns:
            Makes it count; to be called alone.
        """
        adopts = [shelf.prepare() for shelf in dict.fromkeys((self._texts, self._shelf))]

        def adopt() -> None:
            for one in adopts:
                one()

        return adopt

    def _features(
        self, user: User, numbers: NDArray[np.int64], texts: Floats, at: float, wishes: Floats | None, query: Floats
    ) -> NDArray[np.float32]:
        features = state_features(Known(self.catalog, self.tally), user, numbers, at)
        history, weights, _ = user.recent(HISTORY)
        fill_texts(features, texts, self._texts.rows[history], weights, wishes)
        vectors = texts if self._shelf is self._texts else self._shelf.rows[numbers]
        features[:, MODEL_SCORE] = vectors @ query
        return features


def _epoch(at: datetime | None) -> float:
    if at is not None and at.tzinfo is None:
        raise DataError("a time without a zone", where="at", got=at, fix="give it one, such as UTC")
    return (at or datetime.now(UTC)).timestamp()
