"""What a screening says: why the result is what it is, every answer, what was seen, and what the worker raised."""

from collections.abc import Sequence

import flet as ft

from fieldapp.codec import ScreeningReport
from fieldapp.desk.parts.facts import fact_card, fact_line, plain_line
from fieldapp.desk.state import DeskState
from fieldapp.desk.words import basis_words, cause_words, interpreter_words, mode_words, not_asked_words
from fieldapp.domain.instrument import Answer
from fieldapp.domain.judgement import Reason
from fieldapp.domain.screening import AgeGroup, Interpreter, Screening
from fieldapp.domain.triage import Band, Level
from fieldapp.kit.results import answer_words, band_words, level_words, reason_words
from fieldapp.kit.text import body, isolate
from fieldapp.services.desk.inbox import AnswerLine

WISH = "S20"
"""The item that asks whether the person wants help: a *yes* is good (instrument.md)."""
CONSENT = "F20c"
"""The follow-up that asks whether the person agrees that the centre is told."""


def wish_warnings(state: DeskState, screening: Screening) -> list[str]:
    """Say first that somebody said *no* to help or to telling the centre: nobody may overlook it."""
    t, words = state.t, list[str]()
    if screening.answers.get(WISH) is Answer.NO:
        words.append(t("The person does not want help."))
    if screening.answer(WISH) is Answer.YES and screening.followups.get(CONSENT) == "no":
        words.append(t("The person does not agree that the centre is told."))
    if screening.interpreter is Interpreter.RELATIVE_OR_COMMUNITY:
        words.append(
            t("A relative or someone of the community interpreted: what was said may not be what was meant.")
        )
    return words


def mismatch_warnings(state: DeskState, report: ScreeningReport, *, agrees: bool) -> list[str]:
    """Say plainly that device and desk compute different results from the same answers."""
    if agrees:
        return []
    stated, computed = report.result, report.screening.result
    words = state.t(
        "The device states {stated}. This desk computes {computed} from the same answers. The higher one counts. "
        "Tell whoever looks after the app.",
        stated=_result_words(state, report.screening, stated.level, stated.band),
        computed=_result_words(state, report.screening, computed.level, computed.band),
    )
    return [words]


def why_card(state: DeskState, report: ScreeningReport, because: Sequence[Reason]) -> ft.Control:
    """Show the answers that led to the result, how much is open, and what the worker raised."""
    t, language, screening = state.t, state.language, report.screening
    instrument, p = screening.instrument, state.theme.palette
    pairs = [reason_words(instrument, reason, language) for reason in because]
    lines = [fact_line(state, asked, said, color=p.high.ink) for asked, said in pairs]
    if not lines:
        lines = [body(state, t("Nothing that was answered points to a danger soon."))]
    if screening.result.could_be_higher:
        words = state.tn(
            "{n} question open: it could be higher",
            "{n} questions open: it could be higher",
            screening.result.unanswered,
        )
        lines.append(body(state, words, color=p.serious.ink))
    if screening.override:
        lines += _raised(state, screening)
    return fact_card(state, t("Why"), lines)


def _raised(state: DeskState, screening: Screening) -> list[ft.Control]:
    override = screening.override
    if override is None:
        return []
    result = _result_words(state, screening, override.level, override.band)
    return [
        fact_line(state, state.t("The worker raised the level"), result),
        plain_line(state, cause_words(state.t, override.cause), isolate(override.reason)),
    ]


def _result_words(state: DeskState, screening: Screening, level: Level, band: Band) -> str:
    instrument, language = screening.instrument, state.language
    return ", ".join((level_words(instrument, level, language), band_words(instrument, band, language)))


def answers_card(state: DeskState, screening: Screening, lines: Sequence[AnswerLine]) -> ft.Control:
    """Show every question with its answer, follow-ups, reason, basis and note, in the order of asking."""
    return fact_card(state, state.t("Answers"), [_answer(state, screening, line) for line in lines])


def _answer(state: DeskState, screening: Screening, line: AnswerLine) -> ft.Control:
    t, language = state.t, state.language
    said = answer_words(screening.instrument, screening.answers.get(line.id, Answer.NOT_ASKED), language)
    if line.reason:
        said = t("{answer}: {reason}", answer=said, reason=not_asked_words(t, line.reason))
    below = [
        t("{question} {answer}", question=f.prompt[language], answer=", ".join(x[language] for x in f.labels))
        for f in line.followups
    ]
    if below and line.answer is not Answer.YES:
        below.insert(0, t("Said before the answer was changed, so it does not count:"))
    if line.basis:
        below.append(t("Based on: {basis}", basis=basis_words(t, line.basis)))
    if line.note:
        below.append(t("Note: {note}", note=isolate(line.note)))
    return fact_line(state, line.label[language], said, color=_color(state, screening, line), below=below)


def _color(state: DeskState, screening: Screening, line: AnswerLine) -> str | None:
    """Colour what weighs: a *yes* to danger, and what is open and could be one. The word says it as well."""
    p = state.theme.palette
    good_when_yes = line.id in (WISH, screening.instrument.gate.id)
    match line.answer:
        case Answer.YES:
            return p.accent.ink if good_when_yes else p.high.ink
        case Answer.NO:
            return p.serious.ink if good_when_yes else None
        case _:
            return p.serious.ink if line.critical or good_when_yes else None


def seen_card(state: DeskState, screening: Screening) -> list[ft.Control]:
    """Show what was seen without asking; nothing when nothing was."""
    language = state.language
    seen = [o for o in screening.instrument.observations if o.id in screening.observations]
    if not seen:
        return []
    lines = [plain_line(state, o.keyword[language], o.meaning[language]) for o in seen]
    return [fact_card(state, state.t("Seen, not asked"), lines)]


def context_lines(state: DeskState, report: ScreeningReport) -> list[ft.Control]:
    """Say how it was asked: order, interpreter, language, age group, place, instrument and rule."""
    t, screening = state.t, report.screening
    ages = {AgeGroup.ADULT: t("Adult"), AgeGroup.MINOR: t("Minor"), AgeGroup.UNKNOWN: t("Unknown")}
    instrument = screening.instrument
    return [
        fact_line(state, t("Asked"), mode_words(t, screening.mode)),
        fact_line(state, t("Language of the person"), screening.language),
        fact_line(state, t("Interpreter"), interpreter_words(t, screening.interpreter)),
        fact_line(state, t("Age"), ages[screening.age_group]),
        fact_line(
            state,
            t("Questions and rule"),
            t(
                "{id} version {version}, rule {rule}",
                id=instrument.id.upper(),
                version=instrument.version,
                rule=report.rule_version,
            ),
        ),
    ]
