"""Utterances out of Rasa's ``nlu.yml``: intents with their examples, entities as plain words.

The file is read as data: no tag of YAML makes an object. Synonyms, regular expressions and lookup
tables belong to Rasa's entities; they are counted and said to be not used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml

from core.console import say
from core.data.row import Rejected
from core.errors import DataError

ENDINGS = (".yml", ".yaml")
LARGEST_FILE_BYTES = 20_000_000
NOT_USED = ("synonym", "regex", "lookup")
# [the words](entity), [the words]{"entity": "name", ...}, and either of them with a list of roles.
_ENTITY = re.compile(r"\[([^\[\]]*)\](?:\([^()]*\)|\{[^{}]*\}|\[\{.*?\}\])")
_EXAMPLE = re.compile(r"\s*-\s+(.*\S)\s*")


def is_rasa(source: str) -> bool:
    """Whether a source is a YAML file, or a folder of nothing else that could be read."""
    path = Path(source)
    if "://" in source:
        return False
    return path.suffix.lower() in ENDINGS or (path.is_dir() and any(_files(path)))


def read_rasa(source: str) -> Iterator[tuple[str, str, str] | Rejected]:
    """Utterances as ``(text, intent, place)``.

    Args:
        source: A file, or a folder of them.

    Raises:
        DataError: It cannot be read, or is no NLU file of Rasa.
    """
    path = Path(source)
    for file in _files(path) if path.is_dir() else [path]:
        yield from _read_file(file)


def strip_entities(text: str) -> str:
    """An example without its annotations.

    >>> strip_entities('send [50 euros](amount) to [my brother]{"entity": "payee", "value": "brother"}')
    'send 50 euros to my brother'
    """
    return " ".join(_ENTITY.sub(r"\1", text).split())


def _files(folder: Path) -> list[Path]:
    return sorted(file for ending in ENDINGS for file in folder.glob(f"*{ending}"))


def _read_file(file: Path) -> Iterator[tuple[str, str, str] | Rejected]:
    try:
        if file.stat().st_size > LARGEST_FILE_BYTES:
            raise DataError("too large", where=str(file), expected=f"at most {LARGEST_FILE_BYTES:,} bytes")
        root = yaml.compose(file.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise DataError(f"cannot be opened ({error.strerror or error})", where=str(file)) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        raise DataError(f"not valid YAML: {problem or type(error).__name__}", where=where) from error
    entries = _mapping(root).get("nlu")
    if not isinstance(entries, yaml.SequenceNode):
        raise DataError("no NLU file of Rasa", where=str(file), expected="a list under nlu:")
    unused: Counter[str] = Counter()
    for entry in entries.value:
        values = _mapping(entry)
        place = f"{file}:{entry.start_mark.line + 1}"
        if "intent" in values:
            yield from _examples(values, file, place)
            continue
        kind = next((name for name in NOT_USED if name in values), None)
        if kind is None:
            yield Rejected(place, "neither an intent nor a synonym, regex or lookup")
        else:
            unused[kind] += 1
    if unused:
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(unused.items()))
        say(f"{file}: not used: {listed} (this kit fills slots by patterns and lists of its own)")


def _examples(values: dict[str, yaml.Node], file: Path, place: str) -> Iterator[tuple[str, str, str] | Rejected]:
    intent, examples = values["intent"], values.get("examples")
    if not isinstance(intent, yaml.ScalarNode) or not intent.value.strip():
        yield Rejected(place, "an intent without a name")
        return
    found = list(_lines(examples)) if examples is not None else []
    if not found:
        yield Rejected(place, f"no examples of {intent.value}")
    for line, text in found:
        plain = strip_entities(text)
        where = f"{file}:{line}"
        yield (plain, intent.value.strip(), where) if plain else Rejected(where, "an example without words")


def _lines(examples: yaml.Node) -> Iterator[tuple[int, str]]:
    """The examples with their lines: of a ``|`` block, or of a list of texts or of ``text:`` entries."""
    if isinstance(examples, yaml.ScalarNode):
        for offset, line in enumerate(examples.value.splitlines(), start=2):
            if found := _EXAMPLE.fullmatch(line):
                yield examples.start_mark.line + offset, found[1]
    elif isinstance(examples, yaml.SequenceNode):
        for item in examples.value:
            node = _mapping(item).get("text") if isinstance(item, yaml.MappingNode) else item
            if isinstance(node, yaml.ScalarNode):
                for line in node.value.splitlines():
                    yield item.start_mark.line + 1, line.removeprefix("- ").strip()


def _mapping(node: yaml.Node | None) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
