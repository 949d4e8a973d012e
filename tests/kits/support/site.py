"""An assistant's server in a thread, on a free port, for browsers and clients that are processes of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from core.config import ServeConfig
from core.serve.listen import bind, make_server, show_url
from core.serve.signin import PATH, Link
from kits.support.assistant.talk import Assistant
from kits.support.serve.server import make_app


@contextmanager
def serving(assistant: Assistant, settings: ServeConfig | None = None) -> Iterator[tuple[str, str]]:
    """The address of the server, and the link that signs in once."""
    chosen = settings or ServeConfig(port=0)
    link = Link()
    with closing(bind(chosen)) as listener:
        app = make_app(assistant, chosen, link)
        server = make_server(app, chosen, app.state.front.pulse.stop, lambda: True)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        address = show_url(listener)
        try:
            yield address, f"{address}{PATH}?code={link.code}"
        finally:
            server.should_exit = True
            thread.join(30)
