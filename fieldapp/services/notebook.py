"""The unlocked device: what the screens of the field app talk to. It exists from unlock to lock."""

from collections.abc import Collection
from datetime import date

from fieldapp.services.attaching import Attachments
from fieldapp.services.capturing import Captures
from fieldapp.services.connections import RelayFactory
from fieldapp.services.contacts import Contacts
from fieldapp.services.covering import Covering
from fieldapp.services.delivery import Delivery
from fieldapp.services.enrolling import Enrolling
from fieldapp.services.keeping import DeviceBook
from fieldapp.services.messages import Messages
from fieldapp.services.screenings import Screenings
from fieldapp.services.unfinished import UnfinishedWork


class Notebook:
    """One worker's records on one device, with everything that can be done with them."""

    def __init__(
        self,
        book: DeviceBook,
        relays: RelayFactory,
        holidays: Collection[date] = frozenset(),
        covering: Covering | None = None,
    ) -> None:
        """Use `Gate.create` or `Gate.unlock`."""
        self.book = book
        self.attachments = Attachments(book)
        self.captures = Captures(self.attachments)
        self.screenings = Screenings(book, attachments=self.attachments)
        self.unfinished = UnfinishedWork(book, self.attachments)
        self.contacts = Contacts(book, self.unfinished, holidays)
        self.messages = Messages(book)
        self.enrolling = Enrolling(book, relays)
        self.delivery = Delivery(book, relays, self.contacts.take, covering)

    async def lock(self) -> None:
        """Keep what is being recorded, stop sending, finish what is being written, drop keys and records. Idempotent.

        Whatever fails on the way, the book is closed.
        """
        try:
            await self.captures.close()
            await self.delivery.stop()
            await self.enrolling.cancel()
        finally:
            await self.book.close()
            self.screenings.forget()
            self.contacts.forget()
            self.unfinished.forget()
            self.attachments.forget()
            self.captures.forget()
