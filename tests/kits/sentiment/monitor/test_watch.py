"""Mentions of watched companies, in English and Chinese."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from kits.sentiment.monitor.watch import Company, WatchList, read_watch
from tests.kits.sentiment.command import SAMPLE

WATCH = WatchList(
    {
        "ACME": Company(("Acme Corp", "阿克米"), ("ACM",)),
        "ACMEBANK": Company(("Acme Corp Bank", "阿克米银行"), ()),
        "SHELL": Company(("Shell", "壳牌"), ("SHEL",)),
        "FORD": Company(("Ford Motor",), ("F",)),
        "MOUTAI": Company(("贵州茅台",), ("600519",)),
        "HEXA": Company(("Hexa中国", "TCL科技"), ()),
        "ROBOT": Company(("iRobot",), ()),
    }
)


@pytest.mark.parametrize(
    ("text", "companies"),
    [
        ("Acme Corp rises", ["ACME"]),
        ("ACME CORP RISES", ["ACME"]),
        ("Profit at Acme Corp's mine", ["ACME"]),
        ("Macme Corp and Acme Corporation", []),
        ("Acme Corp Bank cuts jobs", ["ACMEBANK"]),
        ("Acme Corp Banking", ["ACME"]),
        ("传阿克米银行裁员，阿克米回应", ["ACMEBANK", "ACME"]),
        ("收购Shell后股价上涨", ["SHELL"]),
        ("an empty shell company", []),
        ("Shell and Acme Corp, again Shell", ["SHELL", "ACME"]),
        ("(ACM) and acm", ["ACME"]),
        ("Buy ACM.N now", ["ACME"]),
        ("PACM ACMX acm Acm", []),
        ("Plan F fails, grade: F", []),
        ("$F jumps", ["FORD"]),
        ("Ford Motor (NYSE: F)", ["FORD"]),
        ("NYSE:F slips", ["FORD"]),
        ("成交600519股", []),
        ("贵州茅台涨停", ["MOUTAI"]),
        ("今日（600519）涨停", ["MOUTAI"]),
        ("SH600519 与 600519.SH", ["MOUTAI"]),
        ("Ａｃｍｅ　Ｃｏｒｐ 上涨", ["ACME"]),
        ("hexa中国与TCL科技", ["HEXA"]),
        ("irobot and iRobot", ["ROBOT"]),
        ("İstanbul: Acme Corp opens", ["ACME"]),
        ("", []),
    ],
)
def test_mentions_are_found(text: str, companies: list[str]) -> None:
    assert WATCH.find(text) == companies


def test_first_name_is_the_company_s_name() -> None:
    assert WATCH.name("ACME") == "Acme Corp"
    assert WatchList({"X": Company((), ("XYZ",))}).name("X") == "XYZ"


@given(st.text(), st.text())
def test_chinese_name_is_found_wherever_it_stands(before: str, after: str) -> None:
    assert WatchList({"A": Company(("贵州茅台",), ())}).find(f"{before}贵州茅台{after}") == ["A"]


@given(st.text(max_size=60))
def test_any_text_can_be_searched(text: str) -> None:
    found = WATCH.find(text)
    assert len(found) == len(set(found))


def test_thousands_of_companies_are_searched_for_quickly() -> None:
    companies = {f"C{i}": Company((f"Firm{i} Holdings", f"第{i}号公司"), (f"T{i}",)) for i in range(5000)}
    watch = WatchList(companies)
    text = "Shares of Firm4999 Holdings fell while analysts of 第17号公司 looked on and nothing else happened. " * 3
    watch.find(text)
    started = time.process_time()
    for _ in range(200):
        assert watch.find(text) == ["C4999", "C17"]
    assert (time.process_time() - started) / 200 < 0.002


def test_sample_list_is_read_and_every_name_of_it_is_found() -> None:
    watch = read_watch(SAMPLE / "watch.toml")
    assert len(watch) >= 8
    assert watch.find("Shares of Volkmar Motoren fell; 福尔克马汽车下跌") == ["VOLKMAR"]


def test_without_a_path_the_list_is_empty() -> None:
    watch = read_watch(None)
    assert not watch
    assert watch.find("Acme Corp") == []


def test_digest_changes_with_what_is_listed_and_not_with_its_order() -> None:
    one, two = ("A", Company(("Aaa",), ())), ("B", Company(("Bbb",), ()))
    assert WatchList(dict([one, two])).digest == WatchList(dict([two, one])).digest
    assert WatchList(dict([one])).digest != WatchList(dict([one, two])).digest


def test_every_fault_of_a_list_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "watch.toml"
    file.write_text(
        'x = 1\n[A]\nnames = ["Acme", 3]\n[B]\nname = ["Bee"]\n[C]\nnames = ["茅"]\n[D]\nnames = ["Dee"]\n'
        '[E]\ntickers = ["EE"]\nnames = ["dee"]\n',
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        read_watch(file)
    message = str(caught.value)
    for part in ("'x' is no table", "[A] names", "[B] has no setting 'name'", "'茅' has one character", "'dee' stands"):
        assert part in message


@pytest.mark.parametrize("text", ["[A", "\ufffe"])
def test_file_that_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "watch.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="watch"):
        read_watch(file)
    with pytest.raises(ConfigError, match="cannot read"):
        read_watch(tmp_path / "absent.toml")
