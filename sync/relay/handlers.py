"""What each call of the HTTP interface does; the table of calls stands in `sync.relay.app`."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from sync.protocol import (
    BOX_ID_SIZE,
    DROP_SCHEME,
    ENROL_ID_SIZE,
    ENROLMENT_SIZE,
    ITEM_ID_SIZE,
    MAX_BODY,
    MAX_PAGE,
    MAX_TOKEN_BATCH,
    READ_SCHEME,
    SHARD_COUNT,
)
from sync.relay import centres, documents, restores, streams
from sync.relay.access import bearer, own_box, reading_centre, services_of, signed
from sync.relay.auth import decode_hex
from sync.relay.centres import CentreConflictError
from sync.relay.documents import Direction, WrittenOnceError
from sync.relay.drops import Drop, Outcome
from sync.relay.forms import (
    encode_page,
    parse_desk,
    parse_hex_field,
    parse_hex_list,
    parse_list,
    parse_object,
    parse_quarter,
    parse_version,
)
from sync.relay.limits import (
    DIRECTORY_QUARTERS,
    ENVELOPE_LENGTHS,
    HASH_SIZE,
    MAX_DESKS,
    MAX_DIRECTORY,
    SHARD_QUARTERS,
)
from sync.relay.quotas import FULL_RETRY_SECONDS
from sync.relay.streams import CursorBehindError, CursorUnknownError
from sync.relay.web import Refusal, bytes_response, json_response, read_body

_REFUSED: Final = {Outcome.REFUSED: 403, Outcome.CONFLICT: 409, Outcome.FULL: 507}
_DIRECTIONS: Final[dict[str, Direction]] = {"up": "up", "down": "down"}


async def health(_request: Request) -> Response:
    """GET /v1/health."""
    return json_response({"status": "ok"})


async def nonce(request: Request) -> Response:
    """POST /v1/nonce."""
    return json_response({"nonce": services_of(request).nonces.issue()})


async def drop(request: Request) -> Response:
    """POST /v1/drop/{box}: the token is judged before the first byte of the body is read."""
    services = services_of(request)
    hashed = bearer(request, DROP_SCHEME)
    box = decode_hex(request.path_params["box"], BOX_ID_SIZE)
    if hashed is None or box is None:
        raise Refusal(403)
    early = await services.drops.before_body(hashed)
    if early is not None:
        raise _refused(early)
    body = await read_body(request, MAX_BODY, services.settings)
    if len(body) not in ENVELOPE_LENGTHS:
        raise Refusal(400)
    result = await services.drops.store(Drop(hashed, box, body))
    if result.outcome in _REFUSED:
        raise _refused(result.outcome)
    return json_response({"id": result.item_id.hex()}, 201 if result.outcome is Outcome.STORED else 200)


def _refused(outcome: Outcome) -> Refusal:
    return Refusal(_REFUSED[outcome], FULL_RETRY_SECONDS if outcome is Outcome.FULL else 0)


async def box_page(request: Request) -> Response:
    """GET /v1/box/{box}?after=&limit=."""
    services = services_of(request)
    signer, _ = await signed(request)
    box = decode_hex(request.path_params["box"], BOX_ID_SIZE)
    limit = request.query_params.get("limit", str(MAX_PAGE))
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= 3 and 1 <= int(limit) <= MAX_PAGE):
        raise Refusal(400)
    after = _after(request)
    try:
        page = (
            await services.database.read(streams.box_page, signer.key, box, after, int(limit))
            if box
            else None
        )
    except CursorUnknownError:
        # We gave it out once: perhaps this database was restored from a copy that is older.
        await services.database.write(restores.doubt, signer.centre_id, services.clock())
        raise Refusal(410) from None
    if page is None:
        raise Refusal(404)
    return bytes_response(encode_page(page, after))


async def item(request: Request) -> Response:
    """GET /v1/item/{id}."""
    signer, _ = await signed(request)
    item_id = decode_hex(request.path_params["id"], ITEM_ID_SIZE)
    body = (
        await services_of(request).database.read(streams.item_for, signer.key, item_id) if item_id else None
    )
    if body is None:
        raise Refusal(404)
    return bytes_response(body)


async def move_cursor(request: Request) -> Response:
    """POST /v1/box/{box}/cursor."""
    services = services_of(request)
    signer, body = await signed(request, MAX_BODY)
    stream_id = await own_box(request, signer)
    cursor = parse_hex_field(parse_object(body, {"cursor"}), "cursor", ITEM_ID_SIZE)
    try:
        await services.database.write(streams.move_cursor, signer.key, stream_id, cursor)
    except CursorUnknownError:
        raise Refusal(410) from None
    except CursorBehindError:
        raise Refusal(409) from None
    await services.maintenance.collect(stream_id)
    return json_response({"cursor": cursor.hex()})


async def shard_page(request: Request) -> Response:
    """GET /v1/shard/{s}?after=."""
    services = services_of(request)
    centre_id = await reading_centre(request, SHARD_QUARTERS)
    after = _after(request)
    stream_id = await services.database.read(streams.shard_of, centre_id, _shard(request))
    try:
        page = await services.database.read(streams.page, stream_id, after, MAX_PAGE)
    except CursorUnknownError:
        raise Refusal(410) from None
    return bytes_response(encode_page(page, after))


async def shard_put(request: Request) -> Response:
    """POST /v1/shard/{s}."""
    services = services_of(request)
    signer, body = await signed(request, MAX_BODY)
    shard = _shard(request)
    if len(body) not in ENVELOPE_LENGTHS:
        raise Refusal(400)
    item_id = await services.database.write(
        streams.put, signer.centre_id, shard, body, services.settings.quota, services.clock()
    )
    if item_id is None:
        raise Refusal(507, FULL_RETRY_SECONDS)
    return json_response({"id": item_id.hex()}, 201)


async def tokens(request: Request) -> Response:
    """POST /v1/tokens."""
    signer, body = await signed(request, MAX_BODY)
    value = parse_object(body, {"drop", "read", "withdraw"}, optional=True)
    drop_hashes = parse_hex_list(value.get("drop", []), HASH_SIZE)
    withdrawn = parse_hex_list(value.get("withdraw", []), HASH_SIZE)
    read = {
        parse_hex_field(entry, "hash", HASH_SIZE): parse_quarter(entry)
        for entry in parse_list(value.get("read", []))
    }
    if len(drop_hashes) + len(withdrawn) + len(read) > MAX_TOKEN_BATCH:
        raise Refusal(400)
    new = await services_of(request).database.write(
        centres.change_tokens, signer.centre_id, drop_hashes, read, withdrawn
    )
    return json_response({"new": new})


async def desks(request: Request) -> Response:
    """PUT /v1/desks."""
    signer, body = await signed(request, MAX_BODY)
    if not signer.is_centre:
        raise Refusal(403)
    entries = [parse_desk(entry) for entry in parse_list(parse_object(body, {"desks"})["desks"])]
    if len(entries) > MAX_DESKS:
        raise Refusal(400)
    try:
        await services_of(request).database.write(centres.replace_desks, signer, entries)
    except CentreConflictError:
        raise Refusal(409) from None
    return json_response({"desks": len(entries)})


async def directory_put(request: Request) -> Response:
    """PUT /v1/dir/{v}."""
    signer, body = await signed(request, MAX_DIRECTORY)
    if not signer.is_centre:
        raise Refusal(403)
    version = parse_version(request.path_params["v"])
    if version is None or not body:
        raise Refusal(400)
    try:
        created = await services_of(request).database.write(
            documents.put_directory, signer.centre_id, version, body
        )
    except WrittenOnceError:
        raise Refusal(409) from None
    return json_response({"version": version}, 201 if created else 200)


async def directory_get(request: Request) -> Response:
    """GET /v1/dir/{v or latest}."""
    if request.headers.get("authorization", "").startswith(READ_SCHEME + " "):
        centre_id = await reading_centre(request, DIRECTORY_QUARTERS)
    else:
        centre_id = (await signed(request))[0].centre_id
    wanted = request.path_params["v"]
    version = None if wanted == "latest" else parse_version(wanted)
    if version is None and wanted != "latest":
        raise Refusal(404)
    found = await services_of(request).database.read(documents.read_directory, centre_id, version)
    if found is None:
        raise Refusal(404)
    return bytes_response(found[1], {"ETag": f'"{found[0]}"'})


async def enrol_open(request: Request) -> Response:
    """POST /v1/enrol/{id}/open."""
    signer, _ = await signed(request)
    enrol_id = decode_hex(request.path_params["id"], ENROL_ID_SIZE)
    if enrol_id is None:
        raise Refusal(404)
    services = services_of(request)
    try:
        created = await services.database.write(
            documents.open_enrolment, signer.centre_id, enrol_id, services.clock()
        )
    except WrittenOnceError:
        raise Refusal(409) from None
    return json_response({"open": True}, 201 if created else 200)


async def enrol_put(request: Request) -> Response:
    """POST /v1/enrol/{id}/{up or down}: whether it is open is judged before the body is read."""
    services = services_of(request)
    enrol_id, direction = _mailbox(request)
    if not await services.database.read(documents.is_open, enrol_id, services.clock()):
        raise Refusal(404)
    body = await read_body(request, ENROLMENT_SIZE, services.settings)
    if len(body) != ENROLMENT_SIZE:
        raise Refusal(400)
    try:
        created = await services.database.write(
            documents.put_enrolment, enrol_id, direction, body, services.clock()
        )
    except WrittenOnceError:
        raise Refusal(409) from None
    if created is None:
        raise Refusal(404)
    return json_response({"stored": True}, 201 if created else 200)


async def enrol_get(request: Request) -> Response:
    """GET /v1/enrol/{id}/{up or down}."""
    services = services_of(request)
    body = await services.database.read(documents.read_enrolment, *_mailbox(request), services.clock())
    if body is None:
        raise Refusal(404)
    return bytes_response(body)


def _after(request: Request) -> bytes | None:
    """Return the cursor of the query; None for none and for zeros, the beginning."""
    text = request.query_params.get("after", "")
    after = decode_hex(text, ITEM_ID_SIZE)
    if text and after is None:
        raise Refusal(400)
    return None if after == bytes(ITEM_ID_SIZE) else after


def _shard(request: Request) -> int:
    text: str = request.path_params["s"]
    names = [str(number) for number in range(SHARD_COUNT)]
    if text not in names:
        raise Refusal(404)
    return int(text)


def _mailbox(request: Request) -> tuple[bytes, Direction]:
    enrol_id = decode_hex(request.path_params["id"], ENROL_ID_SIZE)
    direction = _DIRECTIONS.get(request.path_params["dir"])
    if enrol_id is None or direction is None:
        raise Refusal(404)
    return enrol_id, direction
