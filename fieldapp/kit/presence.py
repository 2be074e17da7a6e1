"""Who is in front of the screen: veil, cover, automatic lock, and one live session per vault.

Independent of what is unlocked. The application says what locking means (`on_lock`) and tells when it has
unlocked; everything that may end that is here:

- INACTIVE (focus lost) veils at once: it is the last state whose picture the client still paints. RESUME lifts. What
  is unlocked while the focus is elsewhere comes up veiled. A tap or Enter on the lock screen shows that somebody is back
  as well: a RESUME that never came must not leave it blank after every unlock.
- HIDE and PAUSE start the time in the background; when it is over the app locks.
- No tap and no key for the idle time locks. A process timer checks, whether or not events arrive, and every
  event checks first, so that a machine woken from sleep shows nothing before it locks.
- `cover` (button, long press on the bottom edge, Escape) veils and locks at once. Lifting is unlocking: the
  hand that takes the phone away must not find a screen that a tap brings back.
- A lost connection locks and deletes the session: Flet would show the old screen to whoever reconnects.
- A new session for the same vault locks and ends the older one. Flet often misses that a browser reloaded.
"""

import asyncio
import contextvars
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import flet as ft

from fieldapp.kit.boundary import record_failure
from fieldapp.kit.interface import Interface

Clock = Callable[[], float]
"""Seconds from a fixed point, never going back, counting while the machine sleeps."""

SECONDS_BETWEEN_CHECKS: Final = 1.0
SECONDS_TO_PAINT: Final = 0.05
_NO_ACTIVITY: Final = frozenset(
    {
        "animation_end",
        "app_lifecycle_state_change",
        "close",
        "connect",
        "disconnect",
        "duration_change",
        "loaded",
        "locale_change",
        "media_change",
        "platform_brightness_change",
        "position_change",
        "resize",
        "seek_complete",
        "size_change",
        "state_change",
        "stream",
        "stream_image",
    }
)
"""Events that come without a person: of the device, and of a camera or a sound that goes on by itself."""
_BY_HAND: Final = frozenset({"click", "submit", "tap"})
"""Events of somebody who sees the screen and touches it."""
_TURNS: Final = {"Arrow Left": False, "Arrow Right": True}
"""Keys that turn pages, and whether forward."""


def seconds_awake_or_asleep() -> float:
    """Return the time since boot in seconds, with sleep where the system counts it (Linux, Android)."""
    clock_id = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock_id is None else time.clock_gettime(clock_id)


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """After how many seconds the app locks by itself: hidden in the background, and without a tap or key."""

    background: float = 60
    idle: float = 180


class Presence:
    """Watches one session; made in ``main`` and attached to its page before the first render."""

    def __init__(
        self,
        page: ft.Page,
        ui: Interface,
        on_lock: Callable[[], Awaitable[None]],
        *,
        policy: LockPolicy | None = None,
        clock: Clock = seconds_awake_or_asleep,
    ) -> None:
        """Watch `page`; `on_lock` forgets every key and shows the lock screen. Call this inside ``main``."""
        self.policy = policy or LockPolicy()
        self._page = page
        self._ui = ui
        self._on_lock = on_lock
        self._clock = clock
        self._context = contextvars.copy_context()
        self._unlocked = False
        self._locking = False
        self._ending = False
        self._active_at = clock()
        self._away = False
        self._hidden_at: float | None = None
        self._watch: asyncio.Task[None] | None = None
        page.on_app_lifecycle_state_change = self._on_lifecycle
        page.on_disconnect = self.end
        page.on_close = self.end
        page.on_keyboard_event = self._on_key
        self._dispatch = page.session.dispatch_event
        page.session.dispatch_event = self._dispatch_watched  # type: ignore[method-assign]

    @property
    def unlocked(self) -> bool:
        """Whether something is open that a lock would close."""
        return self._unlocked

    @property
    def seconds_left(self) -> float:
        """Seconds until the app locks by itself if nobody touches it."""
        return max(0.0, self.policy.idle - (self._clock() - self._active_at))

    def opened(self) -> None:
        """Say that the app is unlocked now: the timers start and the cover button appears.

        Whoever looked away while it was opening sees it only when they come back.
        """
        if self._ui.ended:
            return
        self._unlocked = True
        self._ui.veiled = self._away
        self._active_at = self._clock()
        self._ui.cover = self.cover
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watch_time(), context=self._context)

    async def lock(self) -> None:
        """Veil, call `on_lock`, and lift the veil over the lock screen. Does nothing when already locked."""
        await self._here(self._lock())

    async def _lock(self) -> None:
        if not self._unlocked:
            return
        self._unlocked = False
        self._locking = True
        self._ui.veiled = True
        self._ui.cover = self._ui.asking = self._ui.instead = None
        try:
            await self._on_lock()
        except Exception as error:
            # A lock that failed half-way must not show what it left: this session shows nothing any more.
            record_failure("on_lock", error)
            self._ui.ended = True
        self._locking = False
        if self._hidden_at is None:
            self._ui.veiled = False

    async def cover(self) -> None:
        """Hide everything at once, by one gesture: veil, then lock."""
        self._ui.veiled = True
        if self._unlocked:
            await self.lock()
        else:
            self._ui.veiled = False

    async def end(self) -> None:
        """Lock and delete the session; it answers no event any more."""
        await self._here(self._end())

    async def _end(self) -> None:
        if self._ending:
            return
        self._ending = True
        await self._lock()
        if self._watch is not None:
            self._watch.cancel()
        self._ui.ended = True
        # A window that still shows this session paints the end before it is cut off.
        await asyncio.sleep(SECONDS_TO_PAINT)
        await _delete(self._page)
        # Nobody draws this session any more, so that its last screen would stay in memory as it was.
        self._page.views = [ft.View()]

    async def _here(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in this session's context: Flet paints on the page of whoever changes the state."""
        await asyncio.create_task(work, context=self._context)

    async def check(self) -> None:
        """Lock if a time is over. The process timer calls it every second, and every event before it counts."""
        now = self._clock()
        hidden = self._hidden_at is not None and now - self._hidden_at >= self.policy.background
        if hidden or now - self._active_at >= self.policy.idle:
            await self.lock()

    async def _watch_time(self) -> None:
        while self._unlocked:
            await asyncio.sleep(SECONDS_BETWEEN_CHECKS)
            await self.check()

    async def _dispatch_watched(self, control_id: int, event_name: str, event_data: Any) -> None:
        if self._ui.ended:
            return
        was_unlocked = self._unlocked
        await self.check()
        if event_name not in _NO_ACTIVITY:
            if was_unlocked and not self._unlocked:
                return  # it was meant for a screen that is no longer there
            self._active_at = self._clock()
        if event_name in _BY_HAND and not (self._unlocked or self._locking):
            # Whoever opens it is here, also where a system has not said that they came back.
            self._away = False
            self._hidden_at = None
        await self._dispatch(control_id, event_name, event_data)

    async def _on_lifecycle(self, event: ft.AppLifecycleStateChangeEvent) -> None:
        state = event.state
        if state is ft.AppLifecycleState.INACTIVE:
            self._away = True
            self._ui.away += 1
            self._ui.veiled = self._unlocked
        elif state in (ft.AppLifecycleState.HIDE, ft.AppLifecycleState.PAUSE):
            self._away = True
            self._ui.away += 1
            self._ui.veiled = self._unlocked
            if self._hidden_at is None:
                self._hidden_at = self._clock()
            await self.check()
            await self._ui.hidden()
        elif state is ft.AppLifecycleState.RESUME:
            await self.check()
            self._away = False
            self._hidden_at = None
            self._active_at = self._clock()
            self._ui.veiled = self._locking
        elif state is ft.AppLifecycleState.DETACH:
            await self.lock()

    async def _on_key(self, event: ft.KeyboardEvent) -> None:
        if event.key == "Escape" and self._unlocked:
            await self.cover()
        elif event.key in _TURNS and self._unlocked:
            await self._ui.press_turn(forward=_TURNS[event.key])


class LiveSessions:
    """One live session per vault, in this process. Make one in the composition root."""

    def __init__(self) -> None:
        self._live: dict[str, Presence] = {}

    async def claim(self, vault: str, presence: Presence) -> None:
        """Make `presence` the live session of `vault` (any name of it); lock and end the one before."""
        older = self._live.get(vault)
        self._live[vault] = presence
        if older is not None and older is not presence:
            await older.end()

    def live(self, vault: str) -> Presence | None:
        """Return the live session of `vault`."""
        return self._live.get(vault)


async def _delete(page: ft.Page) -> None:
    """Delete the page's session, so that a client which still knows its id gets a new one.

    On a desktop Flet's session manager holds it under a key made of private parts, so it is found by identity.
    On a phone there is no manager (and no ``flet_web``). Flet is pinned, and a test holds this.
    """
    web = sys.modules.get("flet_web.fastapi.flet_app_manager")
    if web is not None:
        sessions: dict[str, object] = web.app_manager._FletAppManager__sessions
        for key in [key for key, session in sessions.items() if session is page.session]:
            await web.app_manager.delete_session(key)
