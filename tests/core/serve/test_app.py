"""What every kit's server has: health, keys, sign-in, errors, headers, files and counters."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text
from sqlalchemy.event import listen
from starlette.testclient import TestClient

from core.config import ServeConfig
from core.serve import signin
from core.serve.headers import POLICY
from core.serve.key import revoke_key
from core.serve.log import JsonLine
from core.serve.signin import LINK_SECONDS, Link
from core.store.database import reading, transaction
from tests.core.serve.site import ORIGIN, add_key, keys, make_app

PAGE = {"accept": "text/html"}
SAME = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[TestClient, Engine]]:
    app, engine, _ = make_app(tmp_path)
    with TestClient(app, follow_redirects=False) as client:
        yield client, engine


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def sign_in(client: TestClient, key: str) -> None:
    answer = client.post("/sign-in", data={"key": key, "next": "/read"}, headers=PAGE | SAME)
    assert (answer.status_code, answer.headers["location"]) == (303, "/read")


def test_every_route_but_health_answers_401_without_a_key(site: tuple[TestClient, Engine]) -> None:
    client, _ = site
    app = client.app
    assert isinstance(app, FastAPI)
    paths = [*app.openapi()["paths"], "/metrics", "/openapi.json", "/static/tokens.css", "/csp-reports", "/sign-in"]
    for path in [*paths, "/sign-out", "/nothing", "/docs", "//", "/read/"]:
        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = client.request(method, path)
            assert answer.status_code in ((401,) if path != "/sign-in" else (401, 403, 405)), (method, path)
    assert client.get("/health/live").json() == {"status": "alive"}
    assert client.get("/health/ready").json() == {"status": "ready", "checks": {}}


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer fk_wrong"},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer"},
        {"cookie": "tiny_8000=fs_wrong"},
        {"cookie": "=;;\"\\"},
    ],
)
def test_wrong_proof_is_no_proof(site: tuple[TestClient, Engine], headers: dict[str, str]) -> None:
    client, _ = site
    answer = client.get("/read", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["status"] == 401


def test_key_opens_what_its_scopes_allow(site: tuple[TestClient, Engine]) -> None:
    client, engine = site
    reader, writer = bearer(add_key(engine, "reader", "read")), bearer(add_key(engine, "writer", "write"))
    ruler = bearer(add_key(engine, "ruler", "admin"))
    asked = [("GET", "/read"), ("POST", "/write"), ("POST", "/ask"), ("POST", "/rule")]
    found = {
        name: [client.request(method, path, headers=key, json={}).status_code for method, path in asked]
        for name, key in (("reader", reader), ("writer", writer), ("ruler", ruler))
    }
    assert found == {
        "reader": [200, 403, 200, 403],
        "writer": [403, 200, 403, 403],
        "ruler": [200, 200, 200, 200],
    }


def test_requests_that_come_together_ask_the_database_once_for_their_key(
    site: tuple[TestClient, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, engine = site
    assert isinstance(client.app, FastAPI)
    known = client.app.state.sign_in
    token = add_key(engine)
    asked: list[str] = []
    find = known._find
    monkeypatch.setattr(known, "_find", lambda token: asked.append(token) or find(token))

    async def come() -> list[object]:
        first = asyncio.create_task(known.find(token))
        await asyncio.sleep(0)
        others = [asyncio.create_task(known.find(token)) for _ in range(8)]
        first.cancel()  # who leaves does not take the answer from the others
        return [(await other).name for other in others]

    assert len(set(asyncio.run(come()))) == 1
    assert asked == [token]


def test_sign_in_s_cookie_is_no_key_and_a_key_is_no_cookie(site: tuple[TestClient, Engine]) -> None:
    client, engine = site
    key = add_key(engine)
    sign_in(client, key)
    cookie = client.cookies["tiny_8000"]
    client.cookies.clear()
    assert client.get("/read", headers=bearer(cookie)).status_code == 401
    assert client.get("/read", headers={"cookie": f"tiny_8000={key}"}).status_code == 401


def test_person_signs_in_with_a_key_and_out_again(site: tuple[TestClient, Engine]) -> None:
    client, engine = site
    form = client.get("/read", headers=PAGE)
    assert form.status_code == 401
    assert 'name="next" value="/read"' in form.text
    answer = client.post("/sign-in", data={"key": add_key(engine)}, headers=PAGE | SAME)
    cookie = answer.headers["set-cookie"]
    assert re.search("HttpOnly", cookie)
    assert re.search("SameSite=strict", cookie, re.IGNORECASE)
    assert "Secure" not in cookie
    assert client.get("/read").status_code == 200
    kept = client.cookies["tiny_8000"]
    assert client.post("/sign-out", headers=SAME).status_code == 303
    assert client.get("/read").status_code == 401
    assert client.get("/read", headers={"cookie": f"tiny_8000={kept}"}).status_code == 401


def test_cookie_is_secure_behind_tls(tmp_path: Path) -> None:
    app, engine, _ = make_app(tmp_path)
    with TestClient(app, base_url="https://testserver", follow_redirects=False) as client:
        answer = client.post("/sign-in", data={"key": add_key(engine)}, headers=SAME)
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("key", ["", "fk_" + "A" * 43, "é", "x" * 10_000])
def test_wrong_key_shows_the_form_again(site: tuple[TestClient, Engine], key: str) -> None:
    client, _ = site
    answer = client.post("/sign-in", data={"key": key}, headers=PAGE | SAME)
    assert answer.status_code == 401
    assert "not known" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb", "evil"])
def test_signing_in_never_leads_elsewhere(site: tuple[TestClient, Engine], path: str) -> None:
    client, engine = site
    answer = client.post("/sign-in", data={"key": add_key(engine), "next": path}, headers=SAME)
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
        ({"origin": ORIGIN}, 200),
        (SAME, 200),
    ],
)
def test_other_sites_change_nothing_with_a_person_s_cookie(
    site: tuple[TestClient, Engine], headers: dict[str, str], status: int
) -> None:
    client, engine = site
    sign_in(client, add_key(engine))
    assert client.post("/write", json={}, headers=headers).status_code == status
    assert client.get("/read", headers=headers).status_code == 200


def test_other_sites_cannot_sign_anyone_in(site: tuple[TestClient, Engine]) -> None:
    client, engine = site
    answer = client.post("/sign-in", data={"key": add_key(engine)}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_link_from_a_mail_is_loaded_again_so_that_the_strict_cookie_comes_along(
    site: tuple[TestClient, Engine],
) -> None:
    client, _ = site
    assert 'http-equiv="refresh"' in client.get("/read", headers=PAGE | {"sec-fetch-site": "cross-site"}).text
    assert 'http-equiv="refresh"' not in client.get("/read", headers=PAGE | SAME).text


def test_printed_link_signs_in_once_and_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = Link()
    app, _, _ = make_app(tmp_path, link=link)
    with TestClient(app, follow_redirects=False) as client:
        assert client.get("/sign-in?code=wrong", headers=PAGE).status_code == 401
        assert client.get(f"/sign-in?code={link.code}", headers=PAGE).status_code == 303
        assert client.post("/rule", headers=SAME).status_code == 200
        client.cookies.clear()
        again = client.get(f"/sign-in?code={link.code}", headers=PAGE)
        assert (again.status_code, "used already" in again.text) == (401, True)
    late = Link()
    now = time.monotonic()
    monkeypatch.setattr("core.serve.signin.time.monotonic", lambda: now + LINK_SECONDS + 1)
    assert not late.use(late.code)


def test_without_a_link_no_code_signs_in(site: tuple[TestClient, Engine]) -> None:
    client, _ = site
    assert client.get("/sign-in?code=", headers=PAGE).status_code == 401
    assert client.get("/sign-in?code=None", headers=PAGE).status_code == 401


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/gone", 404, "it is not here"),
        ("/nothing", 404, "Not Found"),
        ("/wrong", 422, "here: no such thing, got 3, expected 4"),
        ("/broken", 500, "something went wrong here; the log says more under the request's id"),
    ],
)
def test_every_error_is_a_problem_for_programs_and_a_page_for_people(
    site: tuple[TestClient, Engine], path: str, status: int, detail: str
) -> None:
    client, engine = site
    headers = bearer(add_key(engine)) | {"x-request-id": "from-the-caller"}
    answer = client.get(path, headers=headers)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["detail"]) == (status, status, detail)
    assert problem["request_id"] == answer.headers["x-request-id"] == "from-the-caller"
    page = client.get(path, headers=headers | PAGE)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert "from-the-caller" in page.text
    assert "secret of the house" not in page.text + answer.text


def test_faults_of_a_body_are_all_listed(site: tuple[TestClient, Engine]) -> None:
    client, engine = site
    answer = client.post("/write", json={"a": 1, "b": 2}, headers=bearer(add_key(engine)))
    assert answer.status_code == 422
    assert [fault["where"] for fault in answer.json()["errors"]] == ["body.a", "body.b"]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b'{"a": NaN'])
def test_body_that_is_no_json_is_the_caller_s_fault(site: tuple[TestClient, Engine], body: bytes) -> None:
    client, engine = site
    headers = bearer(add_key(engine)) | {"content-type": "application/json"}
    assert client.post("/write", content=body, headers=headers).status_code in (400, 422)


@pytest.mark.parametrize("path", ["/read%00", "/read?x=%00", "/static/..%2f..%2fetc", "/static/signin.html"])
def test_strange_addresses_are_no_fault_of_the_server(site: tuple[TestClient, Engine], path: str) -> None:
    client, engine = site
    assert client.get(path, headers=bearer(add_key(engine))).status_code in (400, 404)


@pytest.mark.parametrize("given", ["short", "with space inside", "x" * 65, "a\tb-c-d-e", 'in"valid"id'])
def test_request_s_own_number_is_kept_only_if_it_is_plain(site: tuple[TestClient, Engine], given: str) -> None:
    client, _ = site
    answer = client.get("/health/live", headers={"x-request-id": given})
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


def test_answers_tell_browsers_what_to_refuse(site: tuple[TestClient, Engine]) -> None:
    client, engine = site
    for path in ("/read", "/gone", "/broken", "/health/live", "/metrics"):
        headers = client.get(path, headers=bearer(add_key(engine, f"k{path.replace('/', '-')}"))).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
    assert "unsafe" not in POLICY
    form = client.get("/read", headers=PAGE).headers["content-security-policy"]
    assert re.match(r"default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; ", form)


def test_files_are_kept_by_browsers_until_they_change(site: tuple[TestClient, Engine]) -> None:
    client, engine = site
    key = bearer(add_key(engine))
    plain = client.get("/static/frame.css", headers=key | {"accept-encoding": "identity"})
    packed = client.get("/static/frame.css", headers=key | {"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    tag = plain.headers["etag"].strip('"')
    assert "no-cache" in plain.headers["cache-control"]
    assert "immutable" in client.get(f"/static/frame.css?v={tag}", headers=key).headers["cache-control"]
    assert client.get("/static/frame.css", headers=key | {"if-none-match": f'"{tag}"'}).status_code == 304


def test_page_speaks_the_reader_s_language(site: tuple[TestClient, Engine]) -> None:
    client, _ = site
    assert 'lang="en"' in client.get("/read", headers=PAGE).text
    assert 'lang="zh-Hans"' in client.get("/read", headers=PAGE | {"accept-language": "fr, zh-CN;q=0.8, en"}).text
    chosen = client.get("/read?lang=zh", headers=PAGE)
    assert "登录" in chosen.text
    assert "登录" in client.get("/read", headers=PAGE).text


def test_reports_of_browsers_are_counted_by_what_we_know(site: tuple[TestClient, Engine]) -> None:
    client, engine = site
    key = bearer(add_key(engine, "ann", "read"))
    for directive in ("script-src-elem", "style-src-attr", "x" * 500, 3):
        body = json.dumps({"csp-report": {"effective-directive": directive, "blocked-uri": "inline"}})
        assert client.post("/csp-reports", content=body, headers=key).status_code == 204
    for body in ("", "[]", "{", '{"csp-report": 1}', "[" * 50_000):
        assert client.post("/csp-reports", content=body, headers=key).status_code == 204
    counted = client.get("/metrics", headers=key).text
    assert 'csp_violations_total{directive="script"} 1.0' in counted
    assert 'csp_violations_total{directive="style"} 1.0' in counted
    assert 'csp_violations_total{directive="other"} 2.0' in counted


def test_counters_know_routes_and_not_what_strangers_made_up(site: tuple[TestClient, Engine]) -> None:
    client, engine = site
    key = bearer(add_key(engine))
    client.get("/read", headers=key)
    client.get("/made-up-by-a-stranger", headers=key)
    client.request("BREW", "/read", headers=key)
    counted = client.get("/metrics", headers=key).text
    assert 'http_requests_total{method="GET",route="/read",status="200"} 1.0' in counted
    assert 'http_requests_total{method="GET",route="none",status="404"} 1.0' in counted
    assert "made-up" not in counted
    assert "BREW" not in counted


def test_log_has_a_line_for_each_request_and_no_secret(
    site: tuple[TestClient, Engine], caplog: pytest.LogCaptureFixture
) -> None:
    client, engine = site
    key = add_key(engine)
    caplog.set_level(logging.INFO, logger="fieldkits.serve")
    client.get("/read?token=hush", headers=bearer(key) | {"x-request-id": "number-17"})
    client.post("/write", json={"a": "hush"}, headers=bearer(key))
    client.get("/sign-in?code=hush")
    client.get("/broken%0A{}", headers=bearer(key))
    lines = [JsonLine().format(record) for record in caplog.records if record.name == "fieldkits.serve"]
    assert all("\n" not in line and line.isascii() and key not in line and "hush" not in line for line in lines)
    first = json.loads(lines[0])
    assert {name: first[name] for name in ("request_id", "method", "route", "status", "by")} == {
        "request_id": "number-17", "method": "GET", "route": "/read", "status": 200, "by": "ann"
    }  # fmt: skip


def test_log_of_a_database_error_has_no_values(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app, engine, _ = make_app(tmp_path)
    secret = "".join(("hu", "sh"))

    @app.get("/query")
    def query() -> None:
        with reading(engine) as connection:
            connection.execute(text("SELECT * FROM nowhere WHERE name = :name"), {"name": secret})

    with TestClient(app) as client:
        assert client.get("/query", headers=bearer(add_key(engine))).status_code == 500
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "nowhere" in JsonLine().format(record)
    assert secret not in JsonLine().format(record)


def test_not_ready_while_a_check_fails_without_saying_why(tmp_path: Path) -> None:
    faults: list[Exception] = [OSError("the password is 1234")]

    def check() -> None:
        if faults:
            raise faults[0]

    app, _, _ = make_app(tmp_path, checks={"database": check, "other": lambda: None})
    with TestClient(app) as client:
        answer = client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json() == {"status": "not ready", "checks": {"database": "failed", "other": "ok"}}
        assert client.get("/health/live").status_code == 200


def test_checks_run_once_a_second_however_often_they_are_asked_for(tmp_path: Path) -> None:
    looked: list[int] = []
    app, _, _ = make_app(tmp_path, checks={"database": lambda: looked.append(1)})
    with TestClient(app) as client:
        for _ in range(20):
            assert client.get("/health/ready").status_code == 200
    assert len(looked) <= 2


def test_revoked_key_is_refused_within_a_second(site: tuple[TestClient, Engine]) -> None:
    client, engine = site
    key = add_key(engine)
    sign_in(client, key)
    with transaction(engine) as connection:
        revoke_key(connection, keys, "ann", datetime.now(UTC))
    time.sleep(1.0)
    assert client.get("/read").status_code == 401
    assert client.get("/read", headers=bearer(key)).status_code == 401


def test_key_is_looked_up_once_in_a_while_and_what_strangers_make_up_each_time(
    site: tuple[TestClient, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signin, "KNOWN_SECONDS", 600.0)
    client, engine = site
    key = add_key(engine)
    looked: list[str] = []
    listen(engine, "before_cursor_execute", lambda *given: looked.append(given[2]))
    for _ in range(20):
        assert client.get("/read", headers=bearer(key)).status_code == 200
    assert len([statement for statement in looked if "FROM api_keys" in statement]) == 1
    for _ in range(3):
        assert client.get("/read", headers=bearer(f"fk_{'x' * 43}")).status_code == 401
    assert len([statement for statement in looked if "FROM api_keys" in statement]) == 4


def test_description_names_the_proof_and_the_settings_hold(tmp_path: Path) -> None:
    app, engine, _ = make_app(tmp_path, ServeConfig(port=8123))
    with TestClient(app, follow_redirects=False) as client:
        described = client.get("/openapi.json", headers=bearer(add_key(engine))).json()
        assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
        assert {"/read", "/write"} <= set(described["paths"])
        client.post("/sign-in", data={"key": add_key(engine, "bob")}, headers=SAME)
        assert "tiny_8123" in client.cookies
