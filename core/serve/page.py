"""Pages and their files: templates in two languages, styles and scripts from this server only.

Templates escape everything. A kit's folder is looked into before the folder here, so a kit has
the frame, the styles and the small scripts of all kits, and its own beside them.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from core.serve.texts import TEXTS

Language = Literal["en", "zh"]
PAGES = Path(__file__).parent / "pages"
YEAR_SECONDS = 365 * 24 * 3600
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_LEAST_PACKED_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages load; its address changes with its content, so browsers may keep it for good."""

    name: str
    kind: str
    plain: bytes
    packed: bytes
    tag: str


class Pages:
    """Renders the templates of a kit and hands out the files beside them.

    Args:
        folder: The kit's templates, styles and scripts.
        texts: Its words: English and Chinese by key.
        title: Its name, in both.
        helpers: Further names that templates may use.
    """

    def __init__(
        self,
        folder: Path,
        texts: Mapping[str, tuple[str, str]],
        title: tuple[str, str],
        helpers: Mapping[str, Any] | None = None,
    ) -> None:
        folders = (folder, PAGES)
        self.title, self._texts = title, {**TEXTS, **texts}
        self._assets = _read_assets(folders)
        self._environment = Environment(
            loader=FileSystemLoader(folders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {"asset": self.url, **(helpers or {})}

    def texts(self, language: Language) -> dict[str, str]:
        """All words in one language."""
        return {key: pair[language == "zh"] for key, pair in self._texts.items()}

    def render(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page in the reader's language.

        Args:
            request: Its ``?lang=`` is remembered.
            template: Name of the file.
            status: HTTP status.
            values: What the template shows.
        """
        language = choose_language(request)
        theme = request.cookies.get("theme")
        text = self._environment.get_template(template).render(
            t=self.texts(language),
            language=language,
            theme=theme if theme in ("dark", "light") else None,
            title=self.title[language == "zh"],
            path=request.url.path,
            other_language="?" + urlencode({**request.query_params, "lang": "en" if language == "zh" else "zh"}),
            caller=request.scope.get("state", {}).get("caller"),
            **values,
        )
        response = HTMLResponse(text, status)
        if request.query_params.get("lang") in ("en", "zh"):
            response.set_cookie("lang", language, max_age=YEAR_SECONDS, samesite="strict")
        return response

    def url(self, name: str) -> str:
        """Where a page finds a style, a script or a picture."""
        return f"/static/{name}?v={self._assets[name].tag}"

    def read(self, name: str) -> str:
        """The text of a style."""
        return self._assets[name].plain.decode()

    def respond(self, request: Request, name: str) -> Response:
        """A style, a script or a picture.

        Raises:
            HTTPException: 404, there is none of this name.
        """
        asset = self._assets.get(name)
        if asset is None:
            raise HTTPException(404, "no such file")
        is_current = request.query_params.get("v") == asset.tag
        headers = {
            "etag": f'"{asset.tag}"',
            "vary": "accept-encoding",
            "cache-control": f"private, max-age={YEAR_SECONDS}, immutable" if is_current else "private, no-cache",
        }
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        if asset.packed and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.packed, headers=headers | {"content-encoding": "gzip"}, media_type=asset.kind)
        return Response(asset.plain, headers=headers, media_type=asset.kind)


def choose_language(request: Request) -> Language:
    """The language asked for, else the one chosen before, else the first of the browser's that we speak."""
    asked = (request.query_params.get("lang"), request.cookies.get("lang"))
    accepted = (part.split(";")[0].strip() for part in request.headers.get("accept-language", "").split(","))
    for tag in (*asked, *accepted):
        if tag and tag.lower().split("-")[0] in ("en", "zh"):
            return "zh" if tag.lower().startswith("zh") else "en"
    return "en"


def _read_assets(folders: Sequence[Path]) -> dict[str, Asset]:
    """Once, at the start: only what lay there then is ever handed out."""
    assets = {}
    for folder in reversed(folders):
        for file in sorted(folder.iterdir()):
            if file.suffix in _TYPES:
                plain = file.read_bytes()
                packed = gzip.compress(plain, mtime=0) if len(plain) >= _LEAST_PACKED_BYTES else b""
                tag = hashlib.sha256(plain).hexdigest()[:16]
                assets[file.name] = Asset(file.name, _TYPES[file.suffix], plain, packed, tag)
    return assets
