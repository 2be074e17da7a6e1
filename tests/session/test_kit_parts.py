"""Parts of the kit as a screen uses them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import flet as ft
import pytest

from fieldapp.kit import answer_bar, buttons, fields, layout
from fieldapp.kit.answer_bar import Option
from fieldapp.kit.boundary import component
from fieldapp.kit.hooks import use_once
from fieldapp.kit.interface import Interface, Question, bound
from fieldapp.kit.notices import progress
from fieldapp.kit.theme import DARK, LIGHT, ThemeChoice, Width
from tests.browser import gallery
from tests.fakes.fake_flet import FakeSession, Main, walk

pytestmark = pytest.mark.anyio


def show(part: ft.Control) -> Main:
    """Return an app that shows `part` and nothing else."""

    def main(page: ft.Page) -> None:
        page.add(part)

    return main


class Chosen:
    def __init__(self) -> None:
        self.keys: list[str] = []

    async def later(self, key: str) -> None:
        self.keys.append(key)


@pytest.mark.parametrize("make", ["text", "number", "note", "password", "page", "search"])
async def test_no_field_teaches_the_keyboard(make: str) -> None:
    ui = Interface()
    field = {
        "text": fields.text_field(ui, "Name", "", lambda: None),
        "number": fields.number_field(ui, "Name", "", lambda: None, digits=4),
        "note": fields.note_field(ui, "Name", "", lambda: None),
        "password": fields.password_field(ui, "Name", "", lambda: None),
        "page": fields.page_field(ui, "Name", "", lambda: None, max_length=9),
        "search": fields.search_field(ui, "Name", "", lambda: None, lambda: None, identifier="x"),
    }[make]
    field = next(part for part in walk(field) if isinstance(part, ft.TextField))
    assert isinstance(field, ft.TextField)
    assert not field.autocorrect
    assert not field.enable_suggestions
    assert not field.enable_ime_personalized_learning
    assert not field.enable_stylus_handwriting
    assert not field.smart_dashes_type
    assert not field.smart_quotes_type
    assert field.capitalization is ft.TextCapitalization.NONE
    assert field.autofill_hints is None
    assert field.password == (make == "password")


async def test_a_field_is_aligned_to_its_script() -> None:
    for value, side in ((gallery.ARABIC_NAME, ft.TextAlign.RIGHT), ("Made-up Name", ft.TextAlign.LEFT)):
        field = fields.text_field(Interface(), "Name", value, lambda: None)
        assert isinstance(field, ft.TextField)
        assert field.text_align is side


async def test_async_handlers_of_answers_and_choices_are_awaited() -> None:
    ui, chosen = Interface(), Chosen()
    part = ft.Column(
        [
            answer_bar.answer_bar(ui, None, chosen.later),
            answer_bar.chips(ui, "When?", [Option("today", "Today")], frozenset(), chosen.later),
            answer_bar.choice_list(ui, [Option("en", "English")], None, chosen.later),
        ]
    )
    async with FakeSession(show(part)) as session:
        for identifier in ("answer-yes", "answer-not_asked", "chip-today", "choice-en"):
            await session.press(identifier)
    assert chosen.keys == ["yes", "not_asked", "today", "en"]


async def test_bound_passes_arguments_to_plain_handlers_too() -> None:
    seen: list[int] = []
    await bound(seen.append, 5)()
    assert seen == [5]


async def test_nothing_is_chosen_before_a_tap() -> None:
    part = answer_bar.answer_bar(Interface(), None, lambda name: None)
    marks = [mark for mark in walk(part) if isinstance(mark, ft.Semantics)]
    assert [mark.selected for mark in marks] == [False] * 4
    part = answer_bar.answer_bar(Interface(), "no", lambda name: None)
    marks = [mark for mark in walk(part) if isinstance(mark, ft.Semantics)]
    assert [mark.identifier for mark in marks if mark.selected] == ["answer-no"]


async def test_a_button_without_a_handler_cannot_be_pressed() -> None:
    button = buttons.primary_button(Interface(), "Finish", None)
    assert isinstance(button, ft.Container)
    assert not button.ink
    assert button.on_click is None


async def test_every_button_is_at_least_48_pixels_high_and_has_a_name() -> None:
    async with FakeSession(gallery.main) as session:
        for page in ("resume", "settings", "contact"):
            await session.press(page)
            for control in session.find(ft.IconButton):
                assert (control.height or 0) >= 48
                assert (control.width or 0) >= 48
            named = [mark for mark in session.find(ft.Semantics) if isinstance(mark.content, ft.IconButton)]
            assert len(named) == len(session.find(ft.IconButton))
            assert all(mark.label for mark in named)
            for box in session.find(ft.Container):
                if box.on_click is not None and box.height is not None:
                    assert box.height >= 48
            await session.press("back")


async def test_theme_width_and_text_size_follow() -> None:
    ui = gallery.Gallery()

    def main(page: ft.Page) -> None:
        ui.attach(page)
        page.render_views(gallery.root, ui)

    async with FakeSession(main, dark=True) as session:
        assert ui.theme.palette is DARK
        assert ui.phone
        await session.brightness(dark=False)
        assert ui.theme.palette is LIGHT
        ui.set_theme(ThemeChoice.DARK)
        assert ui.theme.palette is DARK
        assert session.page.theme_mode is ft.ThemeMode.DARK
        await session.resize(1360)
        assert ui.width is Width.DESKTOP
        ui.set_text_scale(2.0)
        await session.settle()
        assert ui.theme.palette is DARK
        assert session.find(ft.Text, value="Good evening")[0].size == 39


async def test_the_veil_takes_everything_off_every_screen() -> None:
    ui = gallery.Gallery()

    def main(page: ft.Page) -> None:
        ui.attach(page)
        page.render_views(gallery.root, ui)

    async with FakeSession(main) as session:
        for page in ("home", "question", "result", "form", "notices", "desk"):
            ui.show(page)
            await session.settle()
            assert session.texts()
            ui.veiled = True
            ui.ask(Question("Erase?", "Made-up words.", "Erase", "Keep", ui.finish))
            await session.settle()
            assert session.texts() == []
            assert session.find(ft.TextField) == []
            ui.veiled = False
            ui.asking = None


async def ask_to_finish(session: FakeSession) -> None:
    await session.press("screening")
    await session.press("answer-yes")
    await session.press("act-now")
    await session.press("finish")
    assert "Finish this screening?" in session.texts()


async def test_a_question_asks_before_something_is_final() -> None:
    async with FakeSession(gallery.main) as session:
        await ask_to_finish(session)
        await session.press("confirm-no")
        assert "Finish this screening?" not in session.texts()
        await session.press("finish")
        await session.press("confirm-yes")
        assert "Finish this screening?" not in session.texts()


async def test_what_lies_below_a_question_can_neither_be_pressed_nor_read_out() -> None:
    async with FakeSession(gallery.main) as session:
        await ask_to_finish(session)
        with pytest.raises(AssertionError, match="0 things to press"):
            session.pressable("finish")
        (hidden,) = session.find(ft.Container, opacity=0.0)
        assert hidden.ignore_interactions
        assert any(text.value == "Act within 24 hours" for text in walk(hidden) if isinstance(text, ft.Text))
        assert not session.find(ft.Semantics, hidden, identifier="confirm-yes")
        await session.press("confirm-no")
        assert session.find(ft.Container, opacity=0.0) == []
        session.pressable("finish")


async def test_the_back_gesture_declines_a_question() -> None:
    done: list[str] = []
    ui = Interface()

    @component
    def some_screen(ui: Interface) -> ft.View:
        return layout.screen(ui, "/", [], title="Below", on_back=lambda: done.append("left"))

    def main(page: ft.Page) -> None:
        ui.attach(page)
        page.render_views(lambda: [some_screen(ui)])

    async with FakeSession(main) as session:
        ui.ask(Question("Erase?", "All of it.", "Erase", "Keep", lambda: done.append("erased")))
        await session.settle()
        assert "Erase?" in session.texts()
        await ui.press_arrow(lambda: done.append("system"))
        await session.settle()
        assert done == []
        assert "Erase?" not in session.texts()
        await ui.press_arrow(lambda: done.append("system"))
        assert done == ["left"]


async def test_a_second_tap_on_yes_does_nothing_more() -> None:
    done: list[str] = []
    ui = Interface()
    question = Question("Erase?", "All of it.", "Erase", "Keep", lambda: done.append("erased"))
    ui.ask(question)
    await ui.decide(question, yes=True)
    await ui.decide(question, yes=True)
    assert done == ["erased"]


async def test_a_hidden_word_is_in_the_tree_only_while_it_is_held() -> None:
    async with FakeSession(gallery.main) as session:
        await session.press("settings")
        assert "made-up harbour" not in session.texts()
        assert b"made-up harbour" not in b"".join(session.client.sent)
        (finger,) = [g for g in session.find(ft.GestureDetector) if g.on_long_press_start]
        await session.fire(finger, "long_press_start", {})
        assert "made-up harbour" in session.texts()
        (finger,) = [g for g in session.find(ft.GestureDetector) if g.on_long_press_start]
        await session.fire(finger, "long_press_end", {"v": {"x": 0, "y": 0}})
        assert "made-up harbour" not in session.texts()


async def test_a_short_wait_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fieldapp.kit.notices.WAIT_BEFORE_PROGRESS", 1.0)

    @component
    def some_screen(ui: Interface) -> ft.View:
        return ft.View(controls=[progress(ui, "Opening")])

    def main(page: ft.Page) -> None:
        page.render_views(lambda: [some_screen(Interface())])

    async with FakeSession(main) as session:
        assert "Opening" not in session.texts()
        await session.wait_for(lambda: "Opening" in session.texts())


async def test_use_once_keeps_its_object() -> None:
    made: list[object] = []
    seen: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    @component
    def some_screen(ui: Interface) -> ft.View:
        seen.append(use_once(make))
        return ft.View(controls=[ft.Text(ui.language)])

    ui = Interface()

    def main(page: ft.Page) -> None:
        page.render_views(lambda: [some_screen(ui)])

    async with FakeSession(main) as session:
        ui.set_language("nl")
        await session.settle()
    assert len(seen) >= 2
    assert set(map(id, seen)) == {id(made[0])}
    assert len(made) == 1


SOURCE = Path(__file__).resolve().parents[2] / "fieldapp"
BANNED = {
    "ft.TextField": "fields.py makes text fields",
    "ft.CupertinoTextField": "fields.py makes text fields",
    "ft.SearchBar": "fields.py makes text fields",
    "ft.AutoComplete": "fields.py makes text fields",
    "ft.SelectionArea": "text.py makes text that may be selected",
    "ft.Dropdown": "fields.py makes drop-down lists",
    "ft.DropdownM2": "fields.py makes drop-down lists",
    "ft.Clipboard": "nothing is ever copied",
    "ft.component": "boundary.component catches errors",
    "ft.IconButton": "buttons.icon_button has a name",
    "ft.AlertDialog": "a dialog can stay above the lock screen: Interface.ask",
    "ft.CupertinoAlertDialog": "a dialog can stay above the lock screen: Interface.ask",
    "ft.SnackBar": "a dialog can stay above the lock screen: Interface.ask",
    "ft.use_dialog": "a dialog can stay above the lock screen: Interface.ask",
}
"""By any name: called, handed on, imported alone, or looked up by a text."""
MAKERS = {"fields.py", "buttons.py", "boundary.py"}
SYMBOLS = range(0x2190, 0x2BFF + 1)
"""Arrows, shapes, ticks and the like, which are boxes without an icon font (they belong into `ft.Icon`)."""


def annotations(tree: ast.AST) -> set[ast.AST]:
    """Return all nodes that only say of which type something is."""
    said = []
    for node in ast.walk(tree):
        said += [getattr(node, name, None) for name in ("annotation", "returns")]
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Event"):
            said.append(node)
    return {inner for node in said if node is not None for inner in ast.walk(node)}


def reached(node: ast.AST) -> str:
    """Return what of Flet a node reaches for, as ``ft.Name``; "" for nothing."""
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("ft", "flet"):
        return f"ft.{node.attr}"
    if (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == "getattr"
        and ast.unparse(node.args[0]) in ("ft", "flet")
    ):
        return f"ft.{node.args[1].value}" if isinstance(node.args[1], ast.Constant) else "ft.Clipboard"
    return ""


def offences(tree: ast.AST, place: str, name: str) -> Iterator[str]:
    """Yield what `tree` (module `name` in folder `place`) does that only the kit may do, or nobody."""
    types = annotations(tree)
    for node in ast.walk(tree):
        made_here = place == "kit" and name in MAKERS
        if node not in types and not made_here and reached(node) in BANNED:
            yield f"{reached(node)}: {BANNED[reached(node)]}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "flet":
            for alias in node.names:
                if f"ft.{alias.name}" in BANNED or alias.name == "*":
                    yield f"{alias.name} under a name of its own"
        if isinstance(node, ast.Import) and any(
            a.name == "flet" and a.asname not in (None, "ft") for a in node.names
        ):
            yield "Flet is ft everywhere"
        if name != "text.py" and isinstance(node, ast.keyword | ast.Attribute):
            written = isinstance(node, ast.keyword) or isinstance(node.ctx, ast.Store)
            if written and (node.arg if isinstance(node, ast.keyword) else node.attr) == "selectable":
                yield "text.py makes text that may be selected"
        if isinstance(node, ast.Attribute) and node.attr in ("clipboard", "set_clipboard"):
            yield "nothing is ever copied"
        if isinstance(node, ast.Attribute) and node.attr in ("show_dialog", "overlay"):
            yield "what lies above the views can stay above the lock screen"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if any(ord(character) in SYMBOLS for character in node.value):
                yield "a symbol in a text: use ft.Icon"
            hexadecimal = node.value.startswith("#") and len(node.value) in (7, 9) and name != "theme.py"
            if hexadecimal and all(c in "0123456789abcdefABCDEF" for c in node.value[1:]):
                yield "a colour outside theme.py"


def test_screens_use_the_kit() -> None:
    found = []
    for place in ("kit", "ui", "desk"):
        for path in sorted((SOURCE / place).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found += [f"{path.relative_to(SOURCE)}: {line}" for line in offences(tree, place, path.name)]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "ft.TextField()",
        "ft.Dropdown()",
        "page.clipboard.set('x')",
        "make = ft.TextField",
        "functools.partial(ft.TextField, autocorrect=True)",
        "import flet\nflet.TextField()",
        "import flet as f\nf.TextField()",
        "from flet import TextField",
        "from flet import *",
        "from flet.controls.material.textfield import TextField as T",
        "getattr(ft, 'TextField')()",
        "getattr(ft, name)()",
        "ft.CupertinoTextField()",
        "ft.AutoComplete()",
        "class Mine(ft.TextField): pass",
        "ft.Text(note, selectable=True)",
        "shown.selectable = True",
        "ft.Text('→ next')",
        "ft.Text('x', color='#1B2430')",
        "@x\ndef f():\n    ft.IconButton()",
        "ft.use_dialog(ft.AlertDialog())",
        "page.show_dialog(x)",
        "page.overlay.append(x)",
    ],
)
def test_the_lint_sees_each_offence(code: str) -> None:
    assert list(offences(ast.parse(code), "ui", "screen.py"))
