"""The pure part of ``fieldapp triage``: JSON text in, JSON text out, or one line that says what is wrong.

Input is one form ``{"answers": {...}, "followups": {...}}`` or a list of forms; ``followups`` may be
absent, ``answers`` may not. A key that the instrument does not have is refused rather than ignored: a
misspelt ``S04`` must not become a lower result. Beside a form stand at most the notes of a test case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NoReturn

from fieldapp.assets import default_instrument
from fieldapp.domain.instrument import Answer, FollowUp, Instrument
from fieldapp.domain.triage import FollowUpValue, TriageResult, triage
from fieldapp.errors import InputError

_NOTES = frozenset({"name", "expect", "rules"})
"""What a file of test cases carries beside each form; not read."""


def run_triage(source: str | bytes) -> str:
    """Return the results for ``source`` as JSON: an object for a form, a list for a list of forms.

    Raises InputError with one line that names the field, for example
    ``[2].answers.S04: must be yes, no, unknown or not_asked``.
    """
    instrument = default_instrument()
    data = _parse(source)
    output: object
    if isinstance(data, list):
        output = [_judge(form, f"[{index}]", instrument) for index, form in enumerate(data)]
    else:
        output = _judge(data, "", instrument)
    return json.dumps(output, indent=1)


class _Object(dict[str, object]):
    """A JSON object that remembers a key given twice, so that its full path can be named later."""

    repeated: str | None = None


def _object(pairs: list[tuple[str, object]]) -> _Object:
    found = _Object()
    for key, value in pairs:
        if key in found:
            found.repeated = key
        found[key] = value
    return found


def _whole_number(_digits: str) -> int:
    """Numbers (and NaN) fit no field, so their value is not needed: a huge one must not fail to convert."""
    return 0


def _parse(source: str | bytes) -> object:
    try:
        text = source.decode("utf-8-sig") if isinstance(source, bytes) else source.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InputError(f"the file: is not UTF-8 (byte {error.start + 1})") from None
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"the file: is not JSON ({error.msg}, {where})") from None
    except RecursionError:
        raise InputError("the file: is nested too deeply") from None


def _judge(form: object, path: str, instrument: Instrument) -> dict[str, object]:
    fields = _table(form, path or "the form")
    prefix = f"{path}." if path else ""
    for key in fields:
        if key not in ("answers", "followups") and key not in _NOTES:
            _wrong(f"{prefix}{_shown(key)}", "is not known here; a form has answers and followups")
    if "answers" not in fields:
        _wrong(f"{prefix}answers", "is missing")
    answers = _answers(fields["answers"], f"{prefix}answers", instrument)
    followups = _followups(fields.get("followups", _Object()), f"{prefix}followups", instrument)
    return result_fields(triage(answers, followups, instrument))


def result_fields(result: TriageResult) -> dict[str, object]:
    """Return a result in the form that the command prints."""
    return {
        "level": result.level.code,
        "immediacy": result.band.code,
        "points": result.points,
        "unanswered": result.unanswered,
        "could_be_higher": result.could_be_higher,
        "rules": [
            {
                "rule": fired.rule,
                "level": fired.level.code,
                "immediacy": fired.band.code,
                "items": list(fired.items),
            }
            for fired in result.rules
        ],
    }


def _answers(data: object, path: str, instrument: Instrument) -> dict[str, Answer]:
    allowed = {answer.value: answer for answer in Answer}
    answers: dict[str, Answer] = {}
    for key, value in _table(data, path).items():
        if key not in instrument.answer_keys:
            _wrong(f"{path}.{_shown(key)}", "is no question of this instrument")
        if not isinstance(value, str) or value not in allowed:
            _wrong(f"{path}.{key}", "must be yes, no, unknown or not_asked")
        answers[key] = allowed[value]
    return answers


def _followups(data: object, path: str, instrument: Instrument) -> Mapping[str, FollowUpValue]:
    followups: dict[str, FollowUpValue] = {}
    for key, value in _table(data, path).items():
        if key not in instrument.followups:
            _wrong(f"{path}.{_shown(key)}", "is no follow-up of this instrument")
        followups[key] = _followup_value(value, f"{path}.{key}", instrument.followups[key])
    return followups


def _followup_value(value: object, path: str, followup: FollowUp) -> FollowUpValue:
    allowed = ", ".join(sorted(followup.values))
    if followup.several:
        if not isinstance(value, list) or not all(isinstance(v, str) and v in followup.values for v in value):
            _wrong(path, f"must be a list of any of {allowed}")
        if len(set(value)) != len(value):
            _wrong(path, "holds a value twice")
        return tuple(value)
    if not isinstance(value, str) or value not in followup.values:
        _wrong(path, f"must be one of {allowed}")
    return value


def _table(data: object, path: str) -> _Object:
    if not isinstance(data, _Object):
        _wrong(path, "must be an object")
    if data.repeated is not None:
        _wrong(f"{path}.{_shown(data.repeated)}", "stands there twice")
    return data


def _shown(key: str) -> str:
    """Return a key that someone else chose in a form that stays on one line and can be printed."""
    plain = key.isascii() and key.isalnum() and len(key) <= 40
    return key if plain else json.dumps(key[:40])


def _wrong(path: str, what: str) -> NoReturn:
    raise InputError(f"{path}: {what}")
