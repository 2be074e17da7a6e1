"""The device's client against a real relay, and against everything else that may answer in its place."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from sync.answers import Refusal, parse_page
from sync.client import RelayClient, quarter_of, token_hash
from sync.errors import RelayRefused, RelayUnreachable
from sync.protocol import ENROLMENT_SIZE
from sync.relay import limits
from sync.transport import tls_context
from tests.relay.harness import HOST, START, Relay, envelope, relay, run

BOX = "00" * 16


def device(served: Relay) -> RelayClient:
    return RelayClient(f"https://{HOST}", transport=httpx.ASGITransport(app=served.app))


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> RelayClient:
    return RelayClient(f"https://{HOST}", transport=httpx.MockTransport(answer))


async def drop_reason(client: RelayClient) -> str:
    with pytest.raises(RelayRefused) as caught:
        await client.drop(BOX, bytes(32), envelope())
    return caught.value.reason


def json_answer(status: int, text: str, **headers: str) -> httpx.Response:
    return httpx.Response(
        status, content=text.encode(), headers={"Content-Type": "application/json"} | headers
    )


def test_a_dropped_envelope_is_stored_once_also_when_offered_ten_times(database: str) -> None:
    async def body() -> None:
        async with relay(database) as served:
            centre = await served.centre()
            (token,) = await centre.tokens(1)
            sealed = envelope()
            client = device(served)
            for _ in range(10):
                await client.drop(centre.box, token, sealed)
            assert (await centre.desk.page(centre.box)).bodies == [sealed]
            with pytest.raises(RelayRefused, match=Refusal.CONFLICT):
                await client.drop(centre.box, token, envelope())
            with pytest.raises(RelayRefused, match=Refusal.UNKNOWN_TOKEN):
                await client.drop(centre.box, secrets.token_bytes(32), sealed)
            assert await client.healthy()

    run(body())


def test_a_shard_is_read_page_by_page_with_a_read_token(database: str) -> None:
    async def body() -> None:
        async with relay(database) as served:
            centre = await served.centre()
            token = secrets.token_bytes(32)
            entry = {"hash": token_hash(token).hex(), "quarter": quarter_of(START)}
            await centre.desk.send("POST", "/v1/tokens", json={"read": [entry]})
            sent = [envelope(), envelope(16384)]
            for item in sent:
                assert (await centre.desk.send("POST", "/v1/shard/3", item)).status_code == 201
            client = device(served)
            page = await client.shard(3, "", token)
            assert list(page.envelopes) == sent
            assert not page.more
            again = await client.shard(3, page.cursor, token)
            assert again.envelopes == ()
            assert again.cursor == page.cursor
            with pytest.raises(RelayRefused, match=Refusal.CURSOR_UNKNOWN):
                await client.shard(3, "ab" * 16, token)
            with pytest.raises(RelayRefused, match=Refusal.NOT_FOUND):
                await client.directory(token)

    run(body())


def test_enrolment_messages_wait_until_they_are_there(database: str) -> None:
    async def body() -> None:
        async with relay(database) as served:
            centre = await served.centre()
            enrol_id, blob = secrets.token_bytes(16), secrets.token_bytes(ENROLMENT_SIZE)
            client = device(served)
            with pytest.raises(RelayRefused, match=Refusal.NOT_FOUND):
                await client.put_enrolment(enrol_id, "up", blob)
            await centre.desk.send("POST", f"/v1/enrol/{enrol_id.hex()}/open")
            assert await client.get_enrolment(enrol_id, "up") is None
            await client.put_enrolment(enrol_id, "up", blob)
            await client.put_enrolment(enrol_id, "up", blob)
            assert await client.get_enrolment(enrol_id, "up") == blob

    run(body())


HTML = {"Content-Type": "text/html"}
ODD_ANSWERS = [
    (
        httpx.Response(200, content=b"<html>Welcome to the made-up hotel", headers=HTML),
        Refusal.CAPTIVE_PORTAL,
    ),
    (httpx.Response(201, content=b"<html>", headers=HTML), Refusal.CAPTIVE_PORTAL),
    (httpx.Response(204), Refusal.CAPTIVE_PORTAL),
    (httpx.Response(302, headers={"Location": "https://portal.example.invalid/"}), Refusal.CAPTIVE_PORTAL),
    (httpx.Response(307, headers={"Location": "/v1/elsewhere"}), Refusal.CAPTIVE_PORTAL),
    (httpx.Response(403, content=b"blocked by a filter", headers=HTML), Refusal.CAPTIVE_PORTAL),
    (httpx.Response(404, content=b"", headers=HTML), Refusal.CAPTIVE_PORTAL),
    (httpx.Response(407), Refusal.CAPTIVE_PORTAL),
    (httpx.Response(511, content=b"log in", headers=HTML), Refusal.CAPTIVE_PORTAL),
    (json_answer(403, '{"error":"quota"}'), Refusal.CAPTIVE_PORTAL),
    (json_answer(200, "{}"), Refusal.ANSWER),
    (json_answer(201, '{"id":"'), Refusal.ANSWER),
    (json_answer(201, '{"id":"ff"}'), Refusal.ANSWER),
    (json_answer(201, '{"id":"' + "FF" * 16 + '"}'), Refusal.ANSWER),
    (json_answer(201, '["id"]'), Refusal.ANSWER),
    (json_answer(201, ""), Refusal.ANSWER),
    (json_answer(201, "[" * 100_000), Refusal.ANSWER),
    (json_answer(403, '{"error":"forbidden"}'), Refusal.UNKNOWN_TOKEN),
    (json_answer(409, '{"error":"conflict"}'), Refusal.CONFLICT),
    (json_answer(413, '{"error":"too_large"}'), Refusal.BAD_REQUEST),
    (json_answer(500, '{"error":"internal"}'), Refusal.SERVER),
    (json_answer(507, '{"error":"full"}'), Refusal.FULL),
    (httpx.Response(507, content=b"<html>no space", headers=HTML), Refusal.SERVER),
    (httpx.Response(502, content=b"<html>bad gateway", headers=HTML), Refusal.SERVER),
    (httpx.Response(504), Refusal.SERVER),
]


@pytest.mark.parametrize(("answer", "reason"), ODD_ANSWERS)
def test_nothing_but_the_relays_own_success_counts_as_stored(answer: httpx.Response, reason: Refusal) -> None:
    async def body() -> None:
        assert await drop_reason(answering(lambda _request: answer)) == reason

    run(body())


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (json_answer(429, '{"error":"slow_down"}', **{"Retry-After": "17"}), 17),
        (json_answer(503, '{"error":"unavailable"}', **{"Retry-After": "5"}), 5),
        (httpx.Response(503, headers={"Retry-After": "99999"}), 3600),
        (httpx.Response(503, headers={"Retry-After": "9" * 5000}), 3600),
        (httpx.Response(503, headers={"Retry-After": "-5"}), 0),
        (httpx.Response(503, headers={"Retry-After": "\u0663".encode()}), 0),
        (httpx.Response(503, headers={"Retry-After": "Mon, 01 Jan 2035 00:00:00 GMT"}), 0),
    ],
)
def test_a_busy_relay_says_how_long_to_wait(answer: httpx.Response, seconds: int) -> None:
    async def body() -> None:
        with pytest.raises(RelayRefused) as caught:
            await answering(lambda _request: answer).drop(BOX, bytes(32), envelope())
        assert caught.value.reason == Refusal.BUSY
        assert caught.value.retry_after == seconds

    run(body())


def test_after_a_retry_after_nothing_is_sent_until_the_time_is_over_or_a_person_asks() -> None:
    asked: list[str] = []
    seconds = [100.0]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(503, headers={"Retry-After": "999999999"})

    async def body() -> None:
        transport = httpx.MockTransport(answer)
        client = RelayClient(f"https://{HOST}", transport=transport, monotonic=lambda: seconds[0])
        for passed, waits, requests in ((0, 3600, 1), (3599, 1, 1), (1, 3600, 2), (60, 3540, 2)):
            seconds[0] += passed
            with pytest.raises(RelayRefused) as caught:
                await client.drop(BOX, bytes(32), envelope())
            assert (caught.value.reason, caught.value.retry_after) == (Refusal.BUSY, waits)
            assert len(asked) == requests
        client.ask_again()
        assert not await client.healthy()
        assert len(asked) == 3

    run(body())


def test_no_network_and_silence_are_unreachable() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("made up", request=request)

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.close()

    async def body() -> None:
        with pytest.raises(RelayUnreachable):
            await answering(refuse).drop(BOX, bytes(32), envelope())
        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            client = RelayClient(f"127.0.0.1:{port}", timeout=0.05)
            with pytest.raises(RelayUnreachable):
                await client.drop(BOX, bytes(32), envelope())
            await client.aclose()

    run(body())


@pytest.mark.parametrize(
    "tail", [b"", b'{"id":"', b'{"id":"' + b"ab" * 16], ids=["no body", "half a body", "body without its end"]
)
def test_a_201_that_is_cut_off_is_not_a_success(tail: bytes) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(4096)
        writer.write(
            b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 41\r\n\r\n" + tail
        )
        await writer.drain()
        writer.close()

    async def body() -> None:
        async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
            client = RelayClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            assert await drop_reason(client) == Refusal.ANSWER
            await client.aclose()

    run(body())


def test_every_request_has_the_same_headers_and_takes_no_cookie() -> None:
    seen: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(dict(request.headers))
        return json_answer(201, '{"id":"' + "ab" * 16 + '"}', **{"Set-Cookie": "who=you; Path=/"})

    async def body() -> None:
        client = answering(answer)
        for _ in range(2):
            await client.drop(BOX, bytes(32), envelope())

    run(body())
    assert seen[0] == seen[1]
    assert set(seen[0]) == {
        "host", "user-agent", "accept-encoding", "content-length", "authorization",
    }  # fmt: skip
    assert seen[0]["accept-encoding"] == "identity"


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example.invalid:1")
    context = tls_context()
    assert getattr(context, "keylog_filename", None) is None
    assert context.check_hostname
    assert context.minimum_version.name == "TLSv1_2"
    assert context.cert_store_stats()["x509_ca"] > 50
    assert RelayClient("relay.example.invalid")._http._mounts == {}


def test_nothing_about_a_request_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        with caplog.at_level(logging.DEBUG):
            assert (
                await drop_reason(answering(lambda _request: httpx.Response(302))) == Refusal.CAPTIVE_PORTAL
            )

    run(body())
    assert not [record for record in caplog.records if record.name.startswith(("httpx", "httpcore"))]


@pytest.mark.parametrize(
    "address", ["http://relay.example.invalid", "https://relay.example/path", "ftp://x", ""]
)
def test_only_tls_leaves_this_machine(address: str) -> None:
    with pytest.raises(ValueError):
        RelayClient(address)


def test_an_endless_answer_is_cut() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n")
        try:
            while True:
                writer.write(bytes(65536))
                await writer.drain()
        except ConnectionError:
            pass

    async def body() -> None:
        async with await asyncio.start_server(endless, "127.0.0.1", 0) as server:
            client = RelayClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            with pytest.raises(RelayRefused, match=Refusal.ANSWER):
                await client.directory(bytes(32))
            await client.aclose()

    run(body())


def test_every_cut_of_a_page_is_refused() -> None:
    item = b"\1" * 16 + (20_000).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"short"
    page = b"FSP1\0\0\1\0" + b"\1" * 16 + item
    assert parse_page(page).envelopes == (b"short",)
    for cut in range(len(page)):
        with pytest.raises(RelayRefused, match=Refusal.ANSWER):
            parse_page(page[:cut])
    with pytest.raises(RelayRefused, match=Refusal.ANSWER):
        parse_page(page + b"\0")


def test_the_client_and_the_relay_count_tokens_and_quarters_alike() -> None:
    token = secrets.token_bytes(32)
    assert token_hash(token) == limits.token_hash(token)
    for now in (0, 7_862_399, 7_862_400, START):
        assert quarter_of(now) == limits.quarter_number(now)
