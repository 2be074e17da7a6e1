"""How a service tells the screens that something changed: a list of callbacks, called on the event loop."""

from collections.abc import Callable

Listener = Callable[[], None]


class Changes:
    """A bell. It says that something changed, never what: the listener reads the service again."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at every change, until the returned function is called."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def ring(self) -> None:
        """Tell every listener."""
        for listener in tuple(self._listeners):
            listener()
