"""The relay does what its OpenAPI description says, and nothing that is not there, whatever it is sent.

schemathesis makes requests from the description, well formed and not, hypothesis mixes them with credentials and ids that
are good, and every answer is compared with the description. The same cases come every time; FIELDAPP_LONG=1 makes many.
"""

import asyncio
import json
import os
import secrets
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from sync.relay import app as relay_app
from sync.relay.app import ROUTES
from tests.relay.harness import Centre, Relay, b64, envelope, relay

DESCRIPTION = json.loads((Path(relay_app.__file__).parent / "openapi.json").read_text(encoding="utf-8"))
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
OPERATIONS = [(path, method) for path, methods in DESCRIPTION["paths"].items() for method in methods]
LONG = bool(os.environ.get("FIELDAPP_LONG"))
EXAMPLES = 1000 if LONG else 10

load_all_checks()
HELD = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)


class Served:
    """A relay with a centre that has a box with an item, a shard, a directory and an open enrolment."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.relay: Relay
        self.centre: Centre
        self.read: dict[str, str]
        self.item = self.kept = self.enrolment = ""
        self.tokens: list[bytes] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def open(self, path: Path) -> None:
        self.relay = await self.stack.enter_async_context(relay(path))
        self.centre = await self.relay.centre()
        self.read = await self.centre.read_token(self.relay.clock())
        self.enrolment = secrets.token_hex(16)
        await self.centre.desk.send("POST", f"/v1/enrol/{self.enrolment}/open")
        await self.centre.desk.send("PUT", "/v1/dir/1", b"made-up directory")
        await self.relay.client.post(f"/v1/enrol/{self.enrolment}/down", content=bytes(16384))
        for _ in range(2):
            await self.relay.drop(self.centre.box, await self.token(), envelope())
        # One is committed by the cursor's own cases, the one behind it stays to be read.
        self.item, self.kept = (item[0] for item in (await self.centre.desk.page(self.centre.box)).items)

    async def token(self) -> bytes:
        if not self.tokens:
            self.tokens = await self.centre.tokens(100)
        return self.tokens.pop()

    def good_body(self, path: str, method: str) -> Any:
        """A body that this call takes, None for a call without one."""
        key = self.centre.desk.public.hex()
        bodies: dict[tuple[str, str], Any] = {
            ("/v1/drop/{box}", "post"): bytes(4096),
            ("/v1/shard/{s}", "post"): bytes(16384),
            ("/v1/box/{box}/cursor", "post"): {"cursor": self.item},
            ("/v1/tokens", "post"): {"drop": [secrets.token_hex(32)]},
            ("/v1/desks", "put"): {"desks": [{"key": key, "role": "centre", "boxes": [self.centre.box]}]},
            ("/v1/dir/{v}", "put"): b"made-up directory",
            ("/v1/enrol/{id}/{dir}", "post"): bytes(16384),
        }
        return bodies.get((path, method))

    def good_path(self, path: str) -> dict[str, str]:
        names = {"box": self.centre.box, "dir": "down", "s": "3", "v": "1"}
        return names | {"id": self.kept if "item" in path else self.enrolment}

    async def send(self, case: Any, path: str, method: str, *, known: bool, signed: bool) -> httpx.Response:
        """Send a case; `known`: with ids and a body that are good, `signed`: with good credentials."""
        if known:
            good = self.good_path(path)
            case.path_parameters = {name: good[name] for name in case.path_parameters or {}}
            case.query = {}
        arguments = case.as_transport_kwargs(base_url=str(self.relay.client.base_url))
        body = self.good_body(path, method) if known else arguments.get("json", arguments.get("data"))
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        url, params = arguments["url"], arguments["params"] or None
        request = self.relay.client.build_request(method.upper(), url, params=params, content=content)
        headers = await self.credentials(case, request) if signed else arguments["headers"]
        value = headers.get("Authorization", "").encode("utf-8", "replace")
        request.headers = httpx.Headers([*request.headers.raw, (b"authorization", value)])
        return await self.relay.client.send(request)

    async def credentials(self, case: Any, request: httpx.Request) -> dict[str, str]:
        schemes = {name for entry in case.operation.definition.raw["security"] for name in entry}
        if "Drop" in schemes:
            return {"Authorization": f"Drop {b64(await self.token())}"}
        if "Read" in schemes:
            return self.read
        if not schemes:
            return {}
        desk, target = self.centre.desk, request.url.raw_path.decode()
        return desk.header(request.method, target, request.content, await desk.nonce())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served()
    made.run(made.open(tmp_path_factory.mktemp("relay") / "relay.db"))
    yield made
    made.run(made.stack.aclose())
    made.loop.close()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_as_described(served: Served, path: str, method: str) -> None:
    operation = SCHEMA[path][method.upper()]
    modes = [GenerationMode.POSITIVE]
    if operation.path_parameters or operation.query or operation.body:
        modes.append(GenerationMode.NEGATIVE)
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # a failing request says enough without a smaller one
    )
    @given(st.one_of([operation.as_strategy(mode) for mode in modes]), st.booleans(), st.booleans())
    def holds(case: Any, known: bool, signed: bool) -> None:
        response = served.run(served.send(case, path, method, known=known, signed=signed))
        statuses[response.status_code] += 1
        case.validate_response(response, checks=HELD)

    holds()
    case = operation.Case(path_parameters=dict(served.good_path(path)))
    response = served.run(served.send(case, path, method, known=True, signed=True))
    assert response.status_code in (200, 201, 409), (response.status_code, response.content)
    case.validate_response(response, checks=HELD)
    assert sum(statuses.values()) >= 1


def test_the_description_names_every_call_and_no_other() -> None:
    served_calls = {
        (route.path, method.lower()) for route in ROUTES for method in route.methods or () if method != "HEAD"
    }
    assert set(OPERATIONS) == served_calls


def test_another_method_is_refused_in_the_same_form(served: Served) -> None:
    for path, methods in DESCRIPTION["paths"].items():
        filled = path.format(**served.good_path(path))
        for method in {"get", "put", "post", "delete", "patch"} - set(methods):
            answer = served.run(served.relay.client.request(method.upper(), filled))
            if (path, method) == ("/v1/enrol/{id}/open", "get"):  # reads like a mailbox that does not exist
                assert (answer.status_code, answer.json()) == (404, {"error": "not_found"})
                continue
            assert (answer.status_code, answer.json()) == (405, {"error": "method_not_allowed"})


def test_every_error_word_is_the_one_of_its_status() -> None:
    from sync.relay.web import _CODES

    words = {
        response["content"]["application/json"]["schema"]["properties"]["error"]["const"]
        for response in DESCRIPTION["components"]["responses"].values()
    }
    assert words == set(_CODES.values()) - {"internal", "method_not_allowed"}
