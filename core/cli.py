"""Builds a kit's command line from a table of verbs, each named ``module:function``.

Nothing of the named modules is imported until a verb runs, so ``--help`` answers at once.
A verb's function takes its options by name and returns what ``--json`` prints.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

from core.errors import KitError


@dataclass(frozen=True, slots=True)
class Verb:
    """One command of a kit.

    Attributes:
        target: ``module:function`` that does the work.
        help: One sentence for ``--help``.
        options: Names out of ``OPTIONS`` or of the kit's own options.
        required: Those of them that must be given.
    """

    target: str
    help: str
    options: tuple[str, ...]
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """One command-line option: its type, help, and flag if it differs from its name."""

    type: Any
    help: str
    default: Any = None
    flag: str = ""


SHARED = ("config", "set", "seed", "json", "debug")
OPTIONS: dict[str, Option] = {
    "data": Option(list[str], "File, folder or SQL URL with rows; may be given several times.", flag="--data"),
    "map": Option(list[str], "ours=theirs: the data's own name for one of our columns.", flag="--map"),
    "label": Option(list[str], "theirs=ours: the data's own word for one of our labels.", flag="--label"),
    "config": Option(Path, "Settings in a .toml or .json file."),
    "set": Option(list[str], "section.key=value: one setting.", flag="--set"),
    "seed": Option(int, "Every random choice follows from it."),
    "out": Option(Path, "Where the result is written."),
    "model": Option(Path, "Folder of a trained model."),
    "budget": Option(str, "Time allowed for training: 90s, 5m, 1h."),
    "resume": Option(bool, "Go on from the last checkpoint in --out.", default=False),
    "json": Option(bool, "Print exactly one JSON object on standard output.", default=False),
    "debug": Option(bool, "Show the traceback of an error.", default=False),
}


def build_app(
    name: str, help: str, verbs: Mapping[str, Verb], options: Mapping[str, Option] | None = None
) -> typer.Typer:
    """Make the typer application of a kit.

    Args:
        name: How it is called: ``python -m kits.sentiment``.
        help: One line about the kit.
        verbs: Command name to what it does.
        options: The kit's own options, beside ``OPTIONS``.
    """
    app = typer.Typer(name=name, help=help, add_completion=False, pretty_exceptions_enable=False)
    table = {**OPTIONS, **(options or {})}
    for verb_name, verb in verbs.items():
        app.command(verb_name, help=verb.help)(_make_command(verb, table))
    return app


def run_app(app: typer.Typer, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a kit's command line and leave with its exit code.

    Args:
        app: As ``build_app`` made it.
        arguments: The words after the program's name; those of the process if None.
    """
    name = app.info.name or ""
    try:
        code = app(args=arguments, prog_name=name, standalone_mode=False)
    except TyperException as error:
        _fail(f"{error.format_message().rstrip('.')}; {name} --help shows what there is", 2, debug=False)
    raise SystemExit(code or 0)


def _make_command(verb: Verb, table: Mapping[str, Option]) -> Callable[..., None]:
    names = (*verb.options, *SHARED)

    def command(**given: Any) -> None:
        _run(verb, given)

    parameters = []
    for name in names:
        option = table[name]
        declared = typer.Option(option.flag or f"--{name.replace('_', '-')}", help=option.help, show_default=False)
        default = inspect.Parameter.empty if name in verb.required else option.default
        kind = option.type if default is inspect.Parameter.empty or option.type is bool else option.type | None
        parameters.append(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, declared]
            )
        )
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _run(verb: Verb, given: dict[str, Any]) -> None:
    as_json, debug = given.pop("json"), given.pop("debug")
    module, _, function = verb.target.partition(":")
    try:
        from core.console import emit_json, set_up_logging

        set_up_logging(debug)
        result = getattr(importlib.import_module(module), function)(**given, as_json=as_json)
        if as_json and result is not None:
            emit_json(result)
        sys.stdout.flush()
    except KitError as error:
        _fail(str(error), error.exit_code, debug)
    except KeyboardInterrupt:
        _fail("interrupted", 130, debug)
    except BrokenPipeError:  # the reader of our output has gone: nothing left to tell it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except MemoryError:
        _fail("out of memory; a smaller train.batch_size or predict.batch_size needs less", 1, debug)
    except OSError as error:
        _fail(f"{error.filename or 'the operating system'}: {error.strerror or error}", 1, debug)
    except Exception as error:
        _fail(f"unexpected {type(error).__name__}: {error}; --debug shows where", 1, debug)


def _fail(message: str, code: int, debug: bool) -> NoReturn:
    if debug:
        traceback.print_exc()
    print("error: " + " ".join(message.split()), file=sys.stderr)
    raise SystemExit(code)
