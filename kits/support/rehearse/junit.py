"""The outcome of conversation tests as JUnit XML, which continuous integration shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from kits.support.assistant.home import replace_text
from kits.support.rehearse.hold import Held
from kits.support.rehearse.story import Story


def write_junit(file: Path, held: Sequence[tuple[Story, Sequence[Held]]]) -> None:
    """Write one test case for each conversation."""
    failures = sum(any(turn.faults for turn in turns) for _, turns in held)
    suite = ElementTree.Element("testsuite", name="conversations", tests=str(len(held)), failures=str(failures))
    for story, turns in held:
        case = ElementTree.SubElement(suite, "testcase", classname=Path(story.file).stem, name=story.id)
        faults = [f"turn {turn.number} {turn.text!r}: {fault}" for turn in turns for fault in turn.faults]
        if faults:
            failure = ElementTree.SubElement(case, "failure", message=_plain(faults[0]))
            failure.text = _plain("\n".join(faults))
    replace_text(file, ElementTree.tostring(suite, encoding="unicode", xml_declaration=True))


def _plain(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(letter for letter in text if letter in "\t\n" or letter >= " ")
