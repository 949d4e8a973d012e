"""Plain text as blocks: paragraphs between empty lines, list items, and what is plainly a heading."""

from __future__ import annotations

import re

from kits.support.source.block import Block, clean_line

LONGEST_HEADING = 80
_ITEM = re.compile(r"\s*(?:[-*•·–]|\d{1,2}[.)、]|[(（]\d{1,2}[)）])\s*(?=\S)")
_RULE = re.compile(r"\s*(={3,}|-{3,}|~{3,})\s*")
_BRACKETED = re.compile(r"\s*【(.{1,60})】\s*")
_NUMBERED = re.compile(r"\s*(第[一二三四五六七八九十百]+[章节条部分]|[一二三四五六七八九十]{1,3}[、.])\s*\S.{0,40}")


def read_plain(text: str, page: int | None = None) -> list[Block]:
    """The blocks of a text.

    A heading is a line in capitals, one that is underlined with ``===`` or ``---``, or, in Chinese,
    one in 【】 or numbered 一、. The first heading is the title where nothing stands above it.

    >>> [(b.kind, b.text) for b in read_plain("FEES" + chr(10) + "It is free." + chr(10) + "- no card")]
    [('heading', 'FEES'), ('text', 'It is free.'), ('item', 'no card')]
    """
    blocks: list[Block] = []
    kind, parts = "text", list[str]()

    def flush() -> None:
        nonlocal kind
        if line := clean_line(_join(parts)):
            blocks.append(Block(kind, line, 0, page))  # type: ignore[arg-type]
        kind, parts[:] = "text", []

    lines = text.splitlines()
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if _RULE.fullmatch(line):
            continue
        if heading := _heading(line, following):
            flush()
            level = 1 if not blocks else 2
            blocks.append(Block("heading", clean_line(heading), level, page))
        elif item := _ITEM.match(line):
            flush()
            kind, parts[:] = "item", [line[item.end() :]]
        elif not line.strip():
            flush()
        else:
            parts.append(line)
    flush()
    return blocks


def _heading(line: str, following: str) -> str:
    """The text of a heading, or nothing where the line is none."""
    short = line.strip()
    if not short or len(short) > LONGEST_HEADING:
        return ""
    if bracketed := _BRACKETED.fullmatch(line):
        return bracketed[1]
    if _NUMBERED.fullmatch(line) and not short.endswith(("。", "；", "，")):
        return short
    underlined = _RULE.fullmatch(following) and len(following.strip()) >= min(len(short), 3)
    return short if underlined or (short.isupper() and len(short) > 3) else ""


def _join(lines: list[str]) -> str:
    """Lines of one paragraph; Chinese knows no space between them, and a word cut by a hyphen is mended."""
    text = "\n".join(line.strip() for line in lines)
    text = re.sub(r"(?<=[\u3000-\u9fff\uff00-\uffef])\n|\n(?=[\u3000-\u9fff\uff00-\uffef])", "", text)
    return re.sub(r"(?<=[a-z])-\n(?=[a-z])", "", text)
