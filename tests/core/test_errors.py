"""Errors say what, where, got, expected and the fix, on one line and without leaking."""

from __future__ import annotations

import inspect

import pytest

from core import errors
from core.errors import ConfigError, DataError, KitError, shorten

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, KitError)]
WRONG_INPUT = {"ConfigError", "DataError", "ModelError", "ResumeError"}


def test_message_holds_every_part_in_order() -> None:
    error = ConfigError("is wrong", where="train.lr", got=-1, expected="a number above 0", fix="raise it")
    assert str(error) == "train.lr: is wrong, got -1, expected a number above 0; raise it"
    assert (error.what, error.where, error.got) == ("is wrong", "train.lr", -1)
    assert (error.expected, error.fix) == ("a number above 0", "raise it")


def test_parts_that_are_absent_leave_no_trace() -> None:
    assert str(DataError("is empty")) == "is empty"
    assert str(DataError("is empty", where="a.csv")) == "a.csv: is empty"
    assert str(DataError("is empty", fix="fill it")) == "is empty; fill it"


def test_falsy_value_is_shown() -> None:
    assert "got 0" in str(ConfigError("is wrong", got=0))


def test_long_value_is_shortened() -> None:
    assert len(str(DataError("is wrong", got="secret " * 1000))) < 120


@pytest.mark.parametrize("limit", [2, 10, 80])
def test_shortened_value_never_exceeds_the_limit(limit: int) -> None:
    assert len(shorten("é" * 500, limit)) == limit
    assert shorten("", limit) == "''"


@pytest.mark.parametrize("kind", ALL)
def test_exit_code_tells_wrong_input_from_failed_work(kind: type[KitError]) -> None:
    assert kind.exit_code == (2 if kind.__name__ in WRONG_INPUT else 1)


def test_module_draws_the_whole_tree() -> None:
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in ALL)
