from __future__ import annotations

import os
from pathlib import Path

import pytest

from kits.recommender.config import read_config
from kits.recommender.data import load

MEASURED = Path(os.environ.get("FIELDKITS_DATA", "../shared/data")) / "recommender"
NEWS = (
    "N1\tsport\tsailing\tThe regatta\tBoats, all day.\thttps://example.org\t[]\t[]\n"
    "N2\tnews\tsky\tThe comet\t\thttps://example.org\t[]\t[]\n"
    "N1\tsport\tsailing\tTwice\t\t\t[]\t[]\n"
    "N3\ttoo few cells\n"
)
BEHAVIORS = (
    "7\tU1\t11/12/2019 2:14:46 PM\tN2 N9\tN1-1 N2-0\n"
    "8\tU2\t11/13/2019 2:14:46 AM\t\tN1-0 N2-1 N9-0\n"
    "9\tU3\t11/13/2019 2:14:46 AM\t\tN8-0 N9-1\n"
    "10\tU3\t2019-11-13\t\tN1-0 N2-1\n"
    "11\tU3\t11/13/2019 2:14:46 AM\t\tN1 N2\n"
)
MOVIES = 'movieId,title,genres\n1,"Sea, The (1995)",Drama|War\n2,Comet (2001),(no genres listed)\n1,Twice (1995),War\n'
RATINGS = (
    "userId,movieId,rating,timestamp\n1,1,4.0,1000000000\n1,2,3.5,1000000100\n2,2,1.0,1000000200\n"
    "2,9,5.0,1000000300\n2,1,9.0,1000000400\n2,1,5.0,soon\n"
)
TAGS = "userId,movieId,tag,timestamp\n1,1,waves,1000000000\n1,9,lost,1000000000\n1,2, ,1000000000\n"


def test_mind_gives_lists_histories_and_every_rejected_row(tmp_path: Path) -> None:
    (tmp_path / "news.tsv").write_text(NEWS, encoding="utf-8")
    (tmp_path / "behaviors.tsv").write_text(BEHAVIORS, encoding="utf-8")
    log = load(read_config(data=[str(tmp_path)]))
    assert log.items["N1"].text == "The regatta. sport. sailing. Boats, all day"
    assert [(shown.user_id, shown.item_ids, shown.clicks) for shown in log.impressions] == [
        ("U1", ("N1", "N2"), (True, False)),
        ("U2", ("N1", "N2"), (False, True)),
    ]
    assert [(event.user_id, event.item_id) for event in log.events] == [("U1", "N2"), ("U1", "N1"), ("U2", "N2")]
    assert log.events[0].at < log.impressions[0].at
    rejected = {row.place.rpartition("/")[2]: row.reason for row in log.rejected}
    assert set(rejected) == {"news.tsv:3", "news.tsv:4", "behaviors.tsv:3", "behaviors.tsv:4", "behaviors.tsv:5"}
    assert "2 cells" in rejected["news.tsv:4"]
    partial = {row.place.rpartition("/")[2]: row.reason for row in log.partial}
    assert "1 history items" in partial["behaviors.tsv:1"]
    assert "1 shown items" in partial["behaviors.tsv:2"]


def test_movielens_gives_clicks_views_dislikes_and_every_rejected_row(tmp_path: Path) -> None:
    for name, text in (("movies.csv", MOVIES), ("ratings.csv", RATINGS), ("tags.csv", TAGS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    log = load(read_config(data=[str(tmp_path)]))
    assert [event.kind for event in log.events] == ["click", "view", "dislike"]
    assert log.items["1"].tags == ("Drama", "War")
    assert log.items["1"].published_at is not None
    assert log.items["1"].published_at.year == 1995
    assert not log.has_lists
    rejected = {row.place.rpartition("/")[2] for row in log.rejected}
    assert rejected == {"movies.csv:4", "ratings.csv:5", "ratings.csv:6", "ratings.csv:7", "tags.csv:3", "tags.csv:4"}


@pytest.mark.skipif(not MEASURED.is_dir(), reason="the measuring data is not there")
@pytest.mark.slow
def test_public_files_load_with_every_row_used_or_reported() -> None:
    mind = load(read_config(data=[str(MEASURED / "mind_format")]))
    assert len(mind.items) == 2000
    assert len(mind.impressions) + len(mind.rejected) == 1000
    films = load(read_config(data=[str(MEASURED / "ml_latest_small")]))
    assert len(films.items) == 9125
    assert len(films.events) + len(films.rejected) == 100_004
