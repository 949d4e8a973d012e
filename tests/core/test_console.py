"""Messages go to standard error, results to standard output, and bars only to people."""

from __future__ import annotations

import io
import json
import logging

import pytest
from rich.console import Console

from core import console

Shown = pytest.CaptureFixture[str]


def test_messages_go_to_standard_error_one_to_a_line(capsys: Shown) -> None:
    console.set_up_logging()
    console.say("x" * 300 + " [bold]{}% 财经")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "x" * 300 + " [bold]{}% 财经\n"


def test_setting_up_twice_says_things_once(capsys: Shown) -> None:
    console.set_up_logging()
    console.set_up_logging()
    console.say("once")
    assert capsys.readouterr().err == "once\n"


def test_details_are_shown_only_when_debugging(capsys: Shown) -> None:
    console.set_up_logging(debug=True)
    console.logger.debug("detail")
    console.set_up_logging()
    console.logger.debug("hidden")
    assert capsys.readouterr().err == "detail\n"
    assert logging.getLogger("transformers").level == logging.ERROR


def test_json_is_one_line_on_standard_output(capsys: Shown) -> None:
    console.emit_json({"text": "利好\n", "path": __file__, "score": 0.5})
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"text": "利好\n", "path": __file__, "score": 0.5}
    assert "利好" in shown.out
    assert shown.out.count("\n") == 1


def test_number_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        console.emit_json({"score": float("nan")})


def test_table_shows_every_cell_as_it_is(capsys: Shown) -> None:
    console.show_table("Scores", ("name", "value"), [("[red]a[/red]", 0.25), ("b", None)])
    shown = capsys.readouterr()
    assert all(cell in shown.out for cell in ("Scores", "name", "[red]a[/red]", "0.25", "None"))
    assert shown.err == ""


def test_no_bar_without_a_terminal(capsys: Shown) -> None:
    with console.progress("Reading", 10) as tick:
        tick()
        tick(9)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


@pytest.mark.parametrize(("wait", "is_shown"), [(0.0, True), (1e9, False)])
def test_bar_is_shown_on_a_terminal_for_long_work(wait: float, is_shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "stderr", Console(file=screen, force_terminal=True, width=100))
    monkeypatch.setattr(console, "SHOW_AFTER_SECONDS", wait)
    with console.progress("Reading", 10) as tick:
        tick(3)
    assert ("Reading" in screen.getvalue()) == is_shown


def test_bar_goes_away_when_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "stderr", Console(file=io.StringIO(), force_terminal=True))
    monkeypatch.setattr(console, "SHOW_AFTER_SECONDS", 0.0)
    with pytest.raises(ZeroDivisionError), console.progress("Reading") as tick:
        tick(1 // 0)
    with console.progress("Again") as tick:  # a second bar is possible only if the first one has ended
        tick()
