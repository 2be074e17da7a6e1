"""Files that a worker chose, made ready to travel: recognised by their content, made small, stripped. Pure, in memory.

prepared = prepare(data)     # slow for a picture: off the event loop
"""

from fieldapp.services.media.preparing import Prepared, prepare
from fieldapp.services.media.refusals import FileRefused, Refused

__all__ = ["FileRefused", "Prepared", "Refused", "prepare"]
