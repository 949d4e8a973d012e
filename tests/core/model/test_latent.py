from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError, ModelError
from core.model.latent import LatentEncoder, fit_latent

TEXTS = ["boats in the harbour", "the harbour at high tide", "stars and a comet", "a comet, seen through the telescope"]
CHINESE = ["海港里的船", "涨潮时的海港", "彗星与群星", "望远镜里的彗星"]


@pytest.mark.parametrize(("texts", "analyzer"), [(TEXTS, "word"), (TEXTS, "word+char"), (CHINESE, "char")])
def test_texts_on_one_thing_are_nearer_than_others(texts: list[str], analyzer: str) -> None:
    vectors = fit_latent(texts, 3, analyzer=analyzer).encode(texts)
    cosines = vectors @ vectors.T
    assert cosines[0, 1] > cosines[0, 2]
    assert cosines[2, 3] > cosines[2, 1]
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0)


def test_saved_vectors_are_those_that_were_fitted(tmp_path: Path) -> None:
    fitted = fit_latent(TEXTS, 3)
    fitted.save(tmp_path)
    loaded = LatentEncoder.load(tmp_path)
    assert loaded.dimension == fitted.dimension
    assert np.array_equal(loaded.encode(TEXTS), fitted.encode(TEXTS))


def test_text_without_a_known_term_is_a_zero_vector() -> None:
    assert not fit_latent(TEXTS, 3, analyzer="word").encode(["", "完全不同"]).any()


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(DataError, match="nothing to learn from"):
        fit_latent(["", "  "], 3)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    fit_latent(TEXTS, 3).save(tmp_path)
    (tmp_path / "latent.json").write_text('{"analyzer": "word", "terms": [["a"]]}', encoding="utf-8")
    with pytest.raises(ModelError, match="do not fit together"):
        LatentEncoder.load(tmp_path)
