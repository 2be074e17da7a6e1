"""The proxy examples of docs/operations.md as they stand there, before a real relay: what passes, and what is logged.

Only the ports, the name and the places of the certificate are replaced. Skipped where a proxy is not installed.
"""

import asyncio
import os
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import trustme

from sync.relay.app import create_app
from sync.relay.server import serving
from sync.relay.settings import RelaySettings
from tests.relay.harness import Centre, Desk, b64, envelope, run
from tests.relay.test_operations_guide import GUIDE
from tests.relay.test_server import _bound, _centre

NAME = "relay.example"
HERE, THERE = "127.0.7.1", "127.0.8.1"
"""Two clients in different networks, whose addresses nothing else has."""
AROUND_NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/logs/error.log info;
events {{}}
http {{
    access_log {folder}/logs/access.log;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {server}
}}
"""
"""What surrounds the example in a distribution's own file: it logs, and the example has to switch that off."""


def program_of(proxy: str) -> str | None:
    return shutil.which(proxy, path=f"{os.defpath}:/usr/sbin:/usr/local/bin")


@pytest.fixture(params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if program_of(name) is None:
        pytest.skip(f"no {name}")
    return name


@dataclass
class Proxied:
    """A relay behind nginx."""

    centre: Centre
    folder: Path
    port: int
    tls: ssl.SSLContext

    def client(self, address: str) -> httpx.AsyncClient:
        """A client that comes from `address`."""
        transport = httpx.AsyncHTTPTransport(verify=self.tls, local_address=address)
        return httpx.AsyncClient(transport=transport, base_url=f"https://{NAME}:{self.port}")

    def written(self) -> bytes:
        """Everything that proxy and relay have on the disk."""
        return b"".join(file.read_bytes() for file in self.folder.rglob("*") if file.is_file())


def example(proxy: str) -> str:
    """Return the example of the guide for a proxy."""
    (block,) = re.findall(rf"^{proxy}:\n\n```\n(.*?)```", GUIDE, re.DOTALL | re.MULTILINE | re.IGNORECASE)
    assert isinstance(block, str)
    return block


def placed(proxy: str, block: str, folder: Path, port: int, behind: int) -> str:
    """Return the proxy's whole configuration, with the example on these ports and with our certificate."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    ours = {
        "nginx": (
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("/etc/letsencrypt/live/relay.example/fullchain.pem", str(chain)),
            ("/etc/letsencrypt/live/relay.example/privkey.pem", str(key)),
        ),
        "caddy": (
            ("    log default {", "    admin off\n    auto_https disable_redirects\n    log default {"),
            ("relay.example {", f"{NAME}:{port} {{\n    bind 127.0.0.1"),
            ("tls {", f"tls {chain} {key} {{"),
        ),
    }[proxy]
    for given, instead in (*ours, ("127.0.0.1:8470", f"127.0.0.1:{behind}")):
        assert block.count(given) == 1, given
        block = block.replace(given, instead)
    return AROUND_NGINX.format(folder=folder, server=block) if proxy == "nginx" else block


@asynccontextmanager
async def proxied(
    proxy: str, folder: Path, monkeypatch: pytest.MonkeyPatch, block: str, *, per_minute: int = 0
) -> AsyncIterator[Proxied]:
    (folder / "logs").mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert(NAME)
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for number, part in enumerate(certificate.cert_chain_pems):
        part.write_to_path(folder / "chain.pem", append=number > 0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    behind, _ = _bound()
    file = folder / "proxy.conf"
    file.write_text(placed(proxy, block, folder, port, behind.getsockname()[1]), encoding="utf-8")
    command = {
        "nginx": ["-p", str(folder), "-c", str(file), "-e", "stderr"],
        "caddy": ["run", "--config", str(file), "--adapter", "caddyfile"],
    }[proxy]

    real = socket.getaddrinfo

    def resolve(host: object, asked: object, *args: object, **options: object) -> object:
        if host in (NAME, NAME.encode()):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        return real(host, asked, *args, **options)  # type: ignore[arg-type]

    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    database = folder / "relay.db"
    host = f"{NAME}:{port}"
    app = create_app(RelaySettings(str(database), frozenset({host}), requests_per_minute=per_minute))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(app, behind))
        program = program_of(proxy)
        assert program
        with (folder / "logs" / "said").open("wb") as said:
            running = await asyncio.create_subprocess_exec(
                program, *command, stdout=said, stderr=said, env={"HOME": str(folder), "PATH": os.defpath}
            )
        try:
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except ConnectionRefusedError:
                    assert running.returncode is None, f"{proxy} refuses the example"
                    await asyncio.sleep(0.02)
            monkeypatch.setattr(socket, "getaddrinfo", resolve)
            made = Proxied(Centre(Desk(httpx.AsyncClient()), b"", ""), folder, port, tls)
            client = await stack.enter_async_context(made.client("127.0.0.1"))
            made.centre = await _centre(client, database, host)
            yield made
        finally:
            running.terminate()
            await running.wait()


def test_a_client_passes_and_no_address_stays_anywhere(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with proxied(proxy, tmp_path, monkeypatch, example(proxy)) as p:
            body, (token, other) = envelope(65536), await p.centre.tokens(2)
            async with p.client(HERE) as client:
                address = f"/v1/drop/{p.centre.box}"
                headers = {"Authorization": f"Drop {b64(token)}", "X-Forwarded-For": THERE}
                assert (await client.post(address, content=body, headers=headers)).status_code == 201
                headers["Authorization"] = f"Drop {b64(other)}"
                long = await client.post(address, content=bytes(2_000_000), headers=headers)
                # The relay refuses before it has read all; Caddy, still sending, calls that a bad gateway.
                assert long.status_code == (413 if proxy == "nginx" else 502)
                assert (await client.get("/nowhere")).status_code == 404
            # What is no HTTP at all, and no TLS at all.
            reader, writer = await asyncio.open_connection("127.0.0.1", p.port, local_addr=(HERE, 0))
            writer.write(b"\0\1\2 made up\r\n\r\n")
            await reader.read()
            writer.close()
            assert (await p.centre.desk.page(p.centre.box)).bodies == [body]
        written = p.written()
        assert b"SQLite format 3" in written
        for address in (HERE, THERE):
            assert address.encode() not in written
            assert socket.inet_aton(address) not in written

    run(scenario())


def test_the_search_finds_an_address_that_is_logged(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        block = example(proxy).replace("access_log off;", "")
        block = block.replace("output discard", "output stderr").replace("    tls {", "    log\n    tls {")
        async with proxied(proxy, tmp_path, monkeypatch, block) as p, p.client(HERE) as client:
            assert (await client.get("/v1/health")).status_code == 200
        assert HERE.encode() in p.written()

    run(scenario())


def test_the_limit_is_of_each_network_whatever_a_client_claims(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with (
            proxied(proxy, tmp_path, monkeypatch, example(proxy), per_minute=5) as p,
            p.client(HERE) as here,
            p.client(THERE) as there,
        ):
            claims = [{"X-Forwarded-For": f"203.0.{number}.9"} for number in range(7)]
            answers = [(await here.get("/v1/health", headers=claim)).status_code for claim in claims]
            assert (answers[:5], answers[-1]) == ([200] * 5, 429)
            assert (await there.get("/v1/health")).status_code == 200

    run(scenario())
