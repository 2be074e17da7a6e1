"""A small app that shows every part of the kit; all names in it are made up."""

import flet as ft

from fieldapp.kit import answer_bar, buttons, fields, layout, notices, text
from fieldapp.kit.answer_bar import AnswerName, Option
from fieldapp.kit.boundary import component, guard_session
from fieldapp.kit.interface import Interface, Question
from fieldapp.kit.notices import Level, Urgency
from fieldapp.kit.reveal import hold_to_reveal
from fieldapp.kit.theme import ThemeChoice

ARABIC_NAME = "فاطمة المثال"
TIGRINYA_NAME = "ሰላም ምሳሌ"
SORANI_NAME = "شیرین نموونە"


class Gallery(Interface):
    """State of the gallery: which page, and what was tapped."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = "home"
        self.answer: AnswerName | None = None
        self.when: str = ""
        self.language_choice = "en"
        self.name = ARABIC_NAME
        self.confirmed = 0

    def show(self, name: str) -> None:
        self.shown = name

    def set_name(self, event: ft.Event[ft.TextField]) -> None:
        self.name = str(event.data)

    def answered(self, name: AnswerName) -> None:
        self.answer = name

    def finish(self) -> None:
        self.ask(
            Question(
                "Finish this screening?",
                "Afterwards you can add, but not change.",
                "Finish",
                "Go back",
                self.confirm,
            )
        )

    def confirm(self) -> None:
        self.confirmed += 1

    async def hide(self) -> None:
        self.shown = "home"


@component
def gallery_screen(state: Gallery) -> ft.View:
    """Draw the page that the state names."""
    pages = {
        "home": home,
        "question": question,
        "result": result,
        "form": form,
        "notices": all_notices,
        "desk": desk,
    }
    return pages[state.shown](state)


def home(state: Gallery) -> ft.View:
    p = state.theme.palette
    return layout.screen(
        state,
        "/",
        [
            notices.status_line(
                state, ft.Icons.CLOUD_OFF_OUTLINED, "No network. 2 waiting, safe on this device."
            ),
            notices.notice(
                state,
                "Resume the screening of 14:05",
                urgency=Urgency.WARNING,
                icon=ft.Icons.HISTORY_ROUNDED,
                on_click=lambda: state.show("question"),
                identifier="resume",
            ),
        ],
        title="Good evening",
        actions=[
            buttons.icon_button(
                state,
                ft.Icons.SETTINGS_OUTLINED,
                "Settings",
                lambda: state.show("form"),
                identifier="settings",
            )
        ],
        bottom=[
            buttons.tile_button(
                state,
                ft.Icons.PEOPLE_OUTLINED,
                "My cases",
                "4 open",
                lambda: state.show("desk"),
                identifier="cases",
            ),
            buttons.tile_button(
                state,
                ft.Icons.CHAT_BUBBLE_OUTLINE_ROUNDED,
                "Log a contact",
                "12 taps at most",
                lambda: state.show("notices"),
                identifier="contact",
            ),
            buttons.tile_button(
                state,
                ft.Icons.CHECKLIST_ROUNDED,
                "New screening",
                "20 questions, under 3 minutes",
                lambda: state.show("question"),
                tone=p.accent,
                identifier="screening",
            ),
        ],
    )


def question(state: Gallery) -> ft.View:
    def choose(key: str) -> None:
        state.when = key

    follow_up = layout.card(
        state,
        [
            answer_bar.chips(
                state,
                "When?",
                [
                    Option("today", "Today"),
                    Option("72h", "72 hours"),
                    Option("14d", "14 days"),
                    Option("longer", "Longer ago"),
                    Option("unknown", "Unknown"),
                ],
                frozenset({state.when}),
                choose,
                identifier="when",
            )
        ],
    )
    yes = state.answer == "yes"
    return layout.screen(
        state,
        "/question",
        [
            text.question(state, "Weapon used or shown, or throat gripped?"),
            text.quiet(
                state, "Any object used to threaten counts. Hands around the neck count, even without marks."
            ),
        ],
        step=layout.Progress(5, 20),
        on_back=lambda: state.show("home"),
        actions=[buttons.icon_button(state, ft.Icons.TRANSLATE_ROUNDED, "Show the sentence", state.finish)],
        bottom=[
            *([notices.act_now_bar(state, lambda: state.show("result"))] if yes else []),
            *([follow_up] if yes else []),
            answer_bar.answer_bar(state, state.answer, state.answered),
        ],
    )


def result(state: Gallery) -> ft.View:
    return layout.screen(
        state,
        "/result",
        [
            notices.level_panel(
                state, Level.HIGH, "Act within 24 hours", "3 questions open: it could be higher"
            ),
            layout.section(
                state,
                "Because",
                [
                    layout.fact(state, "Death threats", "yes"),
                    layout.fact(state, "Something discovered, several people", "yes"),
                ],
            ),
            layout.section(
                state,
                "Now",
                [
                    layout.numbered(state, 1, "Agree a safe way and time to reach the person."),
                    layout.numbered(state, 2, "Call the duty reference officer before you leave."),
                ],
            ),
            ft.Row([notices.level_badge(state, level) for level in Level], wrap=True),
        ],
        on_back=lambda: state.show("home"),
        bottom=[
            notices.status_line(state, ft.Icons.LOCK_OUTLINED, "Not yet at the centre."),
            buttons.primary_button(state, "Finish", state.finish, identifier="finish"),
            buttons.quiet_button(state, "Raise the level, with a reason", state.finish),
        ],
    )


def form(state: Gallery) -> ft.View:
    languages = [Option("en", "English"), Option("nl", "Nederlands", "Belgium and the Netherlands")]

    def choose(key: str) -> None:
        state.set_language(key)

    themes = [Option(choice.value, choice.value.title()) for choice in ThemeChoice]
    return layout.screen(
        state,
        "/form",
        [
            fields.text_field(state, "Name as spoken", state.name, state.set_name, helper="Optional"),
            text.body(state, f"Saved as {text.isolate(state.name)}, born 2001."),
            text.body(state, f"{text.isolate(TIGRINYA_NAME)} and {text.isolate(SORANI_NAME)}, Łukasz Šarić."),
            fields.number_field(
                state, "Birth year", "19", lambda: None, digits=4, error="Type four digits, such as 2001."
            ),
            fields.password_field(state, "Passphrase", "canary", lambda: None),
            fields.note_field(state, "Note", "", lambda: None, lines=2),
            fields.dropdown(state, "Channel", languages, "nl", lambda: None),
            hold_to_reveal(state, "Code word", "made-up harbour", identifier="code-word"),
            answer_bar.choice_list(state, languages, state.language, choose, identifier="language"),
            answer_bar.chips(
                state,
                "Theme",
                themes,
                frozenset({state.theme_choice.value}),
                lambda key: state.set_theme(ThemeChoice(key)),
                identifier="theme",
            ),
            answer_bar.chips(
                state,
                "Text size",
                [Option("1.0", "100 %"), Option("1.5", "150 %"), Option("2.0", "200 %")],
                frozenset({str(state.theme.scale)}),
                lambda key: state.set_text_scale(float(key)),
                identifier="scale",
            ),
        ],
        title="Settings",
        on_back=lambda: state.show("home"),
        bottom=[
            ft.Row(
                [
                    buttons.secondary_button(state, "Later", state.finish, expand=True),
                    buttons.primary_button(state, "Save", state.finish, expand=True),
                ],
                spacing=state.theme.gap,
            )
        ],
    )


def all_notices(state: Gallery) -> ft.View:
    return layout.screen(
        state,
        "/notices",
        [
            notices.notice(state, "Sending this is not an alarm."),
            notices.notice(state, "The rules for this contact have expired.", urgency=Urgency.WARNING),
            notices.act_now_bar(state, state.finish),
            notices.error_notice(
                state,
                "The relay did not answer.",
                "Everything is safe on this device.",
                "Trying again automatically. You can continue.",
                action="Try now",
                on_click=state.finish,
            ),
            notices.empty_state(
                state,
                ft.Icons.INBOX_OUTLINED,
                "Nothing waits",
                "What you finish appears here until the centre has opened it.",
                action="New screening",
                on_click=state.finish,
            ),
            notices.progress(state, "Opening. This takes a second."),
            buttons.danger_button(state, "Erase this device", state.finish),
            buttons.primary_button(state, "Not available", None),
        ],
        title="Notices",
        on_back=lambda: state.show("home"),
    )


def desk(state: Gallery) -> ft.View:
    rows = [
        ("Willow", "Screening, police, 14:05", Level.HIGH, "now", "not yet read"),
        ("Cedar", "Screening, outreach, yesterday", Level.SERIOUS, "41 h", "acknowledged"),
        ("Pebble", "Screening, police", Level.CONCERN, "9 days", "acknowledged"),
    ]
    side = ft.Column(
        [
            text.heading(state, "Centre"),
            layout.list_row(
                state,
                "Inbox",
                "7 new",
                leading=ft.Icon(ft.Icons.INBOX_OUTLINED, color=state.theme.palette.muted),
                on_click=lambda: None,
                selected=True,
            ),
        ]
    )
    return layout.screen(
        state,
        "/desk",
        [
            layout.list_row(
                state,
                name,
                detail,
                leading=notices.level_shape(state, level),
                trailing=left,
                trailing_detail=seen,
                on_click=lambda: state.show("result"),
                selected=name == "Willow",
                identifier=f"row-{name.lower()}",
            )
            for name, detail, level, left, seen in rows
        ],
        title="Inbox",
        side=side,
        wide=True,
        on_back=lambda: state.show("home") if state.phone else None,
    )


@component
def root(state: Gallery) -> list[ft.View]:
    """One view, whichever page is shown."""
    return [gallery_screen(state)]  # type: ignore[list-item]


def main(page: ft.Page) -> None:
    """Start the gallery in a session."""
    state = Gallery()
    guard_session(page, state)
    state.attach(page)
    state.cover = state.hide
    page.render_views(root, state)
