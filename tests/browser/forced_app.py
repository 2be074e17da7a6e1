"""The field app on a device that counts as enrolled, for the page of whoever is forced."""

from fieldapp.services.keeping import DeviceBook
from tests.browser import field_app

DeviceBook.may_set_words = property(lambda _book: True)  # type: ignore[method-assign,assignment]

main = field_app.main
answer = field_app.answer
