"""Texts as vectors: of length one, in order, the same after saving, from an encoder or from n-grams."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.config import KitConfig
from core.errors import DataError, ModelError
from core.model.latent import LatentEncoder, fit_latent
from core.predict.match import LatentMatcher, Matcher, OverlapMatcher, frozen_matcher, load_matcher, unit_rows

TEXTS = ["我的卡丢了怎么办", "卡丢了，要挂失", "转账限额是多少", "每天最多转多少钱", "开户要什么证件", "profit rises"]


@pytest.fixture(params=["latent", "overlap", "encoder"])
def matcher(request: pytest.FixtureRequest, tiny_backbone: Path) -> Matcher:
    if request.param == "latent":
        return LatentMatcher(fit_latent(TEXTS, analyzer="char"))
    if request.param == "overlap":
        return OverlapMatcher()
    return frozen_matcher(
        KitConfig.model_validate(
            {"model": {"backbone": str(tiny_backbone), "max_tokens": 48}, "predict": {"precision": "fp32"}}
        )
    )


def test_vectors_have_length_one_and_survive_saving(matcher: Matcher, tmp_path: Path) -> None:
    vectors = matcher.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), matcher.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    matcher.save(tmp_path)
    loaded = load_matcher(tmp_path, max_tokens=48, precision="fp32")
    assert loaded.kind == matcher.kind
    assert np.allclose(loaded.embed(TEXTS), vectors, atol=1e-5)


def test_like_texts_lie_near_by_their_ngrams() -> None:
    vectors = LatentMatcher(fit_latent(TEXTS, analyzer="char")).embed(TEXTS)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert vectors[2] @ vectors[3] > vectors[2] @ vectors[4]


def test_overlap_is_the_share_of_terms_in_common() -> None:
    vectors = OverlapMatcher().embed(["开户要什么证件", "证件", "你的卡", "PIN你", "pin的"])
    assert vectors[0] @ vectors[1] == pytest.approx(2 / np.sqrt(7 * 2))
    assert vectors[0] @ vectors[2] == pytest.approx(0.0)
    assert vectors[3] @ vectors[4] == pytest.approx(1 / 2)  # a word is one term, whatever its case


def test_order_and_repetition_do_not_change_the_overlap() -> None:
    first, second = OverlapMatcher().embed(["转账限额", "额限账转转转"])
    assert first @ second == pytest.approx(1.0)


def test_text_without_a_direction_gets_one_all_the_same() -> None:
    rows = unit_rows(np.array([[0.0, 0.0], [3.0, 4.0]]))
    assert np.allclose(rows, [[1, 0], [0.6, 0.8]])


def test_texts_without_ngrams_are_refused() -> None:
    with pytest.raises(DataError, match="nothing to learn from"):
        fit_latent(["", ""], analyzer="word")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    fit_latent(TEXTS).save(tmp_path)
    (tmp_path / "latent.json").write_text('{"analyzer": "char", "terms": [["a"]]}', encoding="utf-8")
    with pytest.raises(ModelError, match="do not fit together"):
        LatentEncoder.load(tmp_path)
    with pytest.raises(ModelError):
        load_matcher(tmp_path, max_tokens=48)


def test_overlap_of_another_dimension_is_refused(tmp_path: Path) -> None:
    OverlapMatcher().save(tmp_path)
    (tmp_path / "overlap.json").write_text('{"dimension": 64}', encoding="utf-8")
    with pytest.raises(ModelError, match="a matcher of another version"):
        load_matcher(tmp_path, max_tokens=48)
