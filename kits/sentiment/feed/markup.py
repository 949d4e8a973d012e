r"""Text out of what may be marked up: tags go, entities become characters, nothing is executed.

News comes as plain text, as HTML and as HTML inside HTML. Only what is a tag of HTML is taken for
one, so ``a < b`` and ``x <y> z`` stay. One pass, whatever the text holds.
"""

from __future__ import annotations

import html
import re

TAG_NAMES = """
    a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink
    blockquote body br button canvas caption center cite code col colgroup data datalist dd del details dfn
    dialog dir div dl dt em embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6
    head header hr html i iframe img input ins isindex kbd keygen label legend li link listing main map mark
    marquee math menu meta meter nav nobr noframes noscript object ol optgroup option output p param picture
    plaintext pre progress q rp rt ruby s samp script section select slot small source span strike strong
    style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul var
    video wbr xml xmp
"""
INLINE_NAMES = "a abbr b big cite code em font i mark s small span strong sub sup u"
TAGS, INLINE = frozenset(re.findall(r"\w+", TAG_NAMES)), frozenset(re.findall(r"\w+", INLINE_NAMES))
SILENT = frozenset({"script", "style", "template", "iframe", "noframes", "object"})  # what stands inside is no text
START = re.compile(r"<(?:(!--)|(/?)([A-Za-z][A-Za-z0-9]*)(?=[\s/>]))")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
UNSEEN = re.compile("[\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")


def to_plain(text: str) -> str:
    """Text as a person reads it, on one line.

    >>> to_plain("<p>Profit <b>up</b> 5&nbsp;% &amp; more</p><script>alert(1)</script>")
    'Profit up 5 % & more'
    >>> to_plain("5 < 7 and <unknown> stays")
    '5 < 7 and <unknown> stays'
    """
    if "<" in text:
        text = _drop_tags(text)
    if "&" in text:
        text = html.unescape(text)
    return clean_line(text)


def clean_line(text: str) -> str:
    """Text on one line, without control characters, half characters and marks that turn its direction.

    >>> clean_line(" Profit" + chr(0) + chr(10) + "up ")
    'Profit up'
    """
    if not text.isprintable():
        text = UNSEEN.sub("", CONTROL.sub(" ", text))
    return " ".join(text.split())


def _drop_tags(text: str) -> str:
    parts: list[str] = []
    position = 0
    last_close = text.rfind(">")
    while (found := START.search(text, position)) and found.end() <= last_close:
        parts.append(text[position : found.start()])
        if found[1]:  # a comment
            end = text.find("-->", found.end())
            position = end + 3 if end >= 0 else len(text)
            continue
        name = found[3].lower()
        if name not in TAGS:
            parts.append(text[found.start() : found.end()])
            position = found.end()
            continue
        position = text.find(">", found.end()) + 1
        if name not in INLINE:
            parts.append(" ")
        if name in SILENT and not found[2]:
            position = _skip_silent(text, position, name)
    parts.append(text[position:])
    return "".join(parts)


def _skip_silent(text: str, position: int, name: str) -> int:
    """Behind the element's end, or to the end of the text if it has none."""
    found = re.compile(f"</{name}", re.IGNORECASE).search(text, position)
    return (text.find(">", found.end()) + 1 or len(text)) if found else len(text)
