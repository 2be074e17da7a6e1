"""Who may do what: tokens of devices, signatures of desks and centres."""

from dataclasses import dataclass

from starlette.requests import Request

from sync.protocol import BOX_ID_SIZE, READ_SCHEME, TOKEN_SIZE
from sync.relay import centres, streams
from sync.relay.auth import Nonces, decode_bytes, decode_hex, parse_credentials, signed_bytes, verify
from sync.relay.centres import Signer
from sync.relay.database import Database
from sync.relay.drops import Drops
from sync.relay.limits import Clock, token_hash
from sync.relay.maintenance import Maintenance
from sync.relay.settings import RelaySettings
from sync.relay.web import Refusal, offer_nonce, read_body


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a handler needs, made once when the process starts."""

    settings: RelaySettings
    clock: Clock
    database: Database
    nonces: Nonces
    drops: Drops
    maintenance: Maintenance


def services_of(request: Request) -> Services:
    """Return what `create_app` made for this process."""
    services: Services = request.app.state.services
    return services


def bearer(request: Request, scheme: str) -> bytes | None:
    """Return the hash of the token in the Authorization header, or None when there is none of that form."""
    given, _, text = request.headers.get("authorization", "").partition(" ")
    token = decode_bytes(text, TOKEN_SIZE) if given == scheme else None
    return None if token is None else token_hash(token)


async def reading_centre(request: Request, quarters: int) -> bytes:
    """Return the centre of a Read token of the last `quarters` quarters; raise Refusal 403."""
    hashed = bearer(request, READ_SCHEME)
    if hashed is None:
        raise Refusal(403)
    services = services_of(request)
    centre_id = await services.database.read(centres.find_reader, hashed, quarters, services.clock())
    if centre_id is None:
        raise Refusal(403)
    return centre_id


async def signed(request: Request, limit: int = 0) -> tuple[Signer, bytes]:
    """Return who signed, and the body of at most `limit` bytes; raise Refusal 401 for every other case.

    Host and nonce are judged first, then, if there may be one, the key before the body is read, then the signature.
    Only after all of them the nonce is spent, in one transaction with a last look at the key: a request costs few hops
    to the threads of the database.
    """
    services = services_of(request)
    credentials = parse_credentials(request.headers.get("authorization", ""))
    host = request.headers.get("host", "").lower()
    if credentials is None or host not in services.settings.public_hosts:
        raise Refusal(401)
    if not services.nonces.is_ours(credentials.nonce):
        raise Refusal(401)
    if limit and await services.database.read(centres.find_signer, credentials.key) is None:
        raise Refusal(401)
    body = await read_body(request, limit, services.settings)
    message = signed_bytes(request.method, host, _target(request), body, credentials.nonce)
    if not verify(credentials, message):
        raise Refusal(401)
    signer = await services.nonces.spend(credentials, changes=request.method != "GET")
    if signer is None:
        raise Refusal(401)
    offer_nonce(request, services.nonces.issue())
    return signer, body


def _target(request: Request) -> str:
    """Return path?query as the client sent it."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    # Some servers put the query into raw_path; the path itself cannot hold a question mark.
    raw = path.partition(b"?")[0] + (b"?" + query if query else b"")
    return raw.decode("latin-1")


async def own_box(request: Request, signer: Signer) -> int:
    """Return the stream of the box in the path; raise Refusal 404 when the signer does not read it."""
    box = decode_hex(request.path_params["box"], BOX_ID_SIZE)
    stream_id = await services_of(request).database.read(streams.box_of, signer.key, box) if box else None
    if stream_id is None:
        raise Refusal(404)
    return stream_id
