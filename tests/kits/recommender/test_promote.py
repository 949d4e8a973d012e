from __future__ import annotations

from datetime import timedelta
from random import Random

import numpy as np
import pytest

from core.errors import DataError, ModelError
from kits.recommender.event import Event
from kits.recommender.log.behaviour import Log, make_log
from kits.recommender.model.recommender import Recommender
from kits.recommender.promote import Trial, _judge, try_models
from tests.kits.recommender.shop import NOW, make_items, make_recommender


def blind() -> Recommender:
    """A model whose vectors say nothing of the items."""
    model = make_recommender()
    texts = np.random.default_rng(0).normal(size=model.texts.shape).astype(np.float32)
    model.put_vectors(model.catalog.items, texts / np.linalg.norm(texts, axis=1, keepdims=True))
    return model


def make_clicks(lists: int) -> Log:
    """Users who click what is of their own category, on lists of two such items and six others."""
    random, items = Random(3), make_items()
    rows = []
    for number in range(lists):
        user = number % 20
        own = [item for item in items if item.category == items[user % 4].category]
        others = [item for item in items if item.category != items[user % 4].category]
        chosen = random.sample(own, 2) + random.sample(others, 6)
        random.shuffle(chosen)
        at = NOW + timedelta(minutes=number)
        for position, item in enumerate(chosen, start=1):
            rows.append(Event(f"u{user}", item.item_id, "show", at, f"x{number}", position))
            if item in own:
                rows.append(Event(f"u{user}", item.item_id, "click", at, f"x{number}", position))
    return make_log({}, rows)


def test_model_that_reads_the_items_beats_one_that_does_not() -> None:
    trial = try_models(blind(), make_recommender(), make_clicks(300))
    assert (trial.lists, trial.users) == (300, 20)
    assert trial.lead is not None
    assert trial.lead.low > 0
    _judge(trial, force=False)
    reverse = try_models(make_recommender(), blind(), make_clicks(300))
    with pytest.raises(ModelError, match="speaks against this model"):
        _judge(reverse, force=True)


def test_lists_that_a_model_was_trained_on_do_not_count() -> None:
    trained = make_recommender()
    trained.observe(Event("u0", "i0", "click", NOW + timedelta(minutes=250)))
    trial = try_models(trained, make_recommender(), make_clicks(300))
    assert trial.lists == 49
    with pytest.raises(DataError, match="too few lists"):
        _judge(trial, force=False)
    _judge(trial, force=True)


def test_without_a_later_list_there_is_nothing_to_say() -> None:
    assert try_models(make_recommender(), make_recommender(), make_log({}, [])) == Trial(0, 0, 0.0, 0.0, None)
