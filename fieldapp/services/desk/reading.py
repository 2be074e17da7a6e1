"""From a verified body to what it says: the schema check of the intake, and the reading of parts for the inbox."""

from collections.abc import Callable, Mapping
from typing import Final

from fieldapp.assets import instrument_for
from fieldapp.codec import (
    ContactReport,
    ScreeningReport,
    parse_contact_body,
    parse_identity_body,
    parse_safe_contact_body,
    parse_screening_body,
)
from fieldapp.domain.contact import SafeContact
from fieldapp.domain.screening import Identity
from fieldapp.errors import CodecError
from sync.canonical import Value
from sync.envelope import Header
from sync.errors import EnvelopeRejected
from sync.protocol import MsgType, Reason

Part = ScreeningReport | ContactReport | SafeContact | Identity

_PARTS: Final[dict[MsgType, Callable[[Mapping[str, Value]], Part]]] = {
    MsgType.SCREENING: lambda body: parse_screening_body(body, instrument_for),
    MsgType.CONTACT: parse_contact_body,
    MsgType.SAFE_CONTACT: lambda body: parse_safe_contact_body(body)[1],
    MsgType.IDENTITY: lambda body: parse_identity_body(body)[1],
}
_OWN_ID: Final = frozenset({MsgType.SCREENING, MsgType.CONTACT, MsgType.IDENTITY})
"""Types whose body repeats the record's id; a change of contact rules names its case instead."""
_NO_SCHEMA: Final = frozenset({MsgType.CHUNK, MsgType.COVER, MsgType.DEVICE_REPORT})


def validate(header: Header, body: Mapping[str, Value]) -> None:
    """Check a body against the schema of its type: EnvelopeRejected(schema) (implements `sync.intake.Validate`)."""
    if header.msg_type in _NO_SCHEMA:
        return
    try:
        read_part(header.msg_type, body)
    except CodecError:
        raise EnvelopeRejected(Reason.SCHEMA) from None
    if header.msg_type in _OWN_ID and body.get("id") != header.record_id.hex():
        raise EnvelopeRejected(Reason.SCHEMA)


def read_part(msg_type: MsgType, body: Mapping[str, Value]) -> Part:
    """Return what a body of an inbox type says; CodecError when it is not in its form."""
    if msg_type not in _PARTS:
        raise CodecError("v: no type that a record has")
    return _PARTS[msg_type](body)
