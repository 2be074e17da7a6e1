"""Screenings as plain dictionaries (see ``fieldapp.codec``): one core, and what each body adds or leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from fieldapp.codec.contacts import safe_contact_fields
from fieldapp.codec.fields import VERSION, Body
from fieldapp.domain.contact import SafeContact
from fieldapp.domain.judgement import OpenOverride, Override
from fieldapp.domain.screening import Identity, Screening
from fieldapp.domain.triage import RULE_VERSION, TriageResult
from fieldapp.errors import ScreeningError


def draft_body(screening: Screening) -> Body:
    """Return everything about a screening, for the vault of this device."""
    contact = screening.safe_contact
    return {
        **_core(screening),
        "identity": _identity(screening.identity),
        "safe_contact": None if contact is None else safe_contact_fields(contact),
        "position": screening.position,
        **_half_made(screening),
    }


def _half_made(screening: Screening) -> Body:
    override, finish = screening.open_override, screening.open_finish
    half_made: Body = {}
    if override:
        half_made["open_override"] = _override(override)
    if finish:
        kind = finish.kind and finish.kind.value
        half_made["open_finish"] = {"kind": kind, "days": finish.days, "reason": finish.reason}
    return half_made


def screening_body(screening: Screening) -> Body:
    """Return the answers and the result of a finished screening, without identity and contact details.

    Raises ScreeningError while the screening is not finished.
    """
    if screening.ended is None:
        raise ScreeningError("This screening is not finished.")
    return {**_core(screening), "result": _result(screening.result)}


def identity_body(screening: Screening) -> Body | None:
    """Return who the person is, or None when nothing is known or it stays on the device."""
    if not screening.carries_identity or screening.identity == Identity():
        return None
    return {"v": VERSION, "id": screening.id.hex(), **_identity(screening.identity)}


def safe_contact_body(screening: Screening) -> Body | None:
    """Return how the person can be reached, or None when unknown or it stays on the device."""
    if not screening.carries_identity or screening.safe_contact is None:
        return None
    return case_contact_body(screening.id, screening.safe_contact)


def case_contact_body(case_id: bytes, contact: SafeContact) -> Body:
    """Return how the person of a case (16 bytes) can be reached: the same form as after a screening."""
    return {"v": VERSION, "id": case_id.hex(), **safe_contact_fields(contact)}


def _core(screening: Screening) -> Body:
    override, finish = screening.override, screening.finish
    return {
        "v": VERSION,
        "id": screening.id.hex(),
        "alias": screening.alias,
        "instrument": screening.instrument.id,
        "instrument_version": screening.instrument.version,
        "started": screening.started,
        "ended": screening.ended,
        "mode": screening.mode.value,
        "language": screening.language,
        "interpreter": screening.interpreter.value,
        "age_group": screening.age_group.value,
        "place": screening.place.value,
        "answers": _lower(screening.answers),
        "followups": {
            key.lower(): list(value) if isinstance(value, tuple) else value
            for key, value in screening.followups.items()
        },
        "reasons": _lower(screening.reasons),
        "bases": _lower(screening.bases),
        "notes": {key.lower(): note for key, note in screening.notes.items()},
        "observations": sorted(screening.observations),
        "must_not_see": {
            "agencies": sorted(agency.value for agency in screening.must_not_see.agencies),
            "person": screening.must_not_see.person,
        },
        "override": override and _override(override),
        "finish": finish
        and {
            "kind": finish.kind.value,
            "until": finish.until and finish.until.isoformat(),
            "reason": finish.reason,
        },
        "continues": screening.continues and list(screening.continues),
        "handover": screening.handover and list(screening.handover),
    }


def _override(override: Override | OpenOverride) -> Body:
    return {
        "cause": override.cause.value,
        "level": override.level.code,
        "band": override.band.code,
        "reason": override.reason,
    }


def _lower(values: Mapping[str, Enum]) -> Body:
    return {key.lower(): value.value for key, value in values.items()}


def _identity(identity: Identity) -> Body:
    return {
        "name": identity.name,
        "birth_year": identity.birth_year,
        "phone": identity.phone,
        "children_present": identity.children_present,
        "report_number": identity.report_number,
    }


def _result(result: TriageResult) -> Body:
    return {
        "rule_version": RULE_VERSION,
        "level": result.level.code,
        "band": result.band.code,
        "points": result.points,
        "unanswered": result.unanswered,
        "could_be_higher": result.could_be_higher,
        "rules": [
            {"rule": r.rule, "level": r.level.code, "band": r.band.code, "items": list(r.items)}
            for r in result.rules
        ],
    }
