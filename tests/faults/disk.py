"""A disk that fails on command, under SQLite and under our own file code, in this process and without a compiler.

SQLite reaches its files through a table of functions (https://www.sqlite.org/c3ref/io_methods.html). `Disk.install`
puts Python functions in place of write, truncate, sync and delete of the table that the `sqlite3` module itself uses,
so that what is tested is the very library that runs. Our own files go through `os.write`, `os.fsync`, `os.rename` and
`os.unlink`. Every call counts; `Disk.arm` says at which one what happens.

Install it in a process that may die, before the first connection: nothing takes it away again.
"""

import _sqlite3
import ctypes
import errno
import os
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

DIED: Final = 77
"""Exit code of a process whose power was cut."""

_FULL, _IOERR_WRITE, _IOERR_FSYNC, _IOERR_TRUNCATE, _IOERR_DELETE = 13, 778, 1034, 1546, 2570


class Fault(StrEnum):
    """What the disk does at the chosen call. The process dies in the first three."""

    CUT = "cut"
    """Everything before is written, the call is not."""
    TORN = "torn"
    """The first half of a write is written."""
    POWER = "power"
    """What was written since each file's last fsync is lost as well."""
    FULL = "full"
    """This one call: half of a write, then no space."""
    ERROR = "error"
    """This one call: nothing, and an I/O error."""
    BROKEN = "broken"
    """From this call on, until `mend`, every call is an I/O error."""


DEADLY: Final = (Fault.CUT, Fault.TORN, Fault.POWER)
REFUSALS: Final = (Fault.FULL, Fault.ERROR, Fault.BROKEN)

Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
Sync = CFUNCTYPE(c_int, c_void_p, c_int)


class _Methods(Structure):
    _fields_ = [("version", c_int), ("close", c_void_p), ("read", c_void_p), ("write", c_void_p),
                ("truncate", c_void_p), ("sync", c_void_p), ("others", c_void_p * 13)]  # fmt: skip


class _File(Structure):
    _fields_ = [("methods", POINTER(_Methods))]


class _System(Structure):
    _fields_ = [("version", c_int), ("file_size", c_int), ("longest_path", c_int), ("next", c_void_p),
                ("name", c_char_p), ("data", c_void_p), ("open", c_void_p), ("delete", c_void_p)]  # fmt: skip


def library() -> ctypes.CDLL | None:
    """Return the SQLite that `sqlite3` uses; None where this Python hides its functions (some static builds)."""
    found = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    return found if hasattr(found, "sqlite3_vfs_find") else None


class Disk:
    """Counts what is done to files, and fails at one of the calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.names: list[str] = []
        self._fault: Fault | None = None
        self._at = 0
        self._paths: dict[int, Path] = {}
        self._unsynced: list[tuple[Path, int, bytes, int]] = []
        self._kept: list[Any] = []
        self.really_write, self._fsync = os.write, os.fsync
        self._rename, self._unlink = os.rename, os.unlink

    def arm(self, fault: Fault | None = None, at: int = 0) -> None:
        """Count from here; `fault` happens at call number `at`, from 0. Without one, calls are only counted."""
        self.calls, self._fault, self._at = 0, fault, at
        self.names.clear()
        self._unsynced.clear()

    def mend(self) -> None:
        """Work from now on."""
        self._fault = None

    def lose_power(self) -> None:
        """Take back what no fsync has made durable, and die."""
        for path, offset, old, size in reversed(self._unsynced):
            if path.exists():
                descriptor = os.open(path, os.O_RDWR)
                os.pwrite(descriptor, old, offset)
                os.ftruncate(descriptor, size)
        os._exit(DIED)

    # --- What happens at a call ------------------------------------------------------------------------

    def _strikes(self, name: str, half: Callable[[], object] | None = None) -> bool:
        """Count a call; returns whether it is to be refused. `half` does the first half of it."""
        number, self.calls = self.calls, self.calls + 1
        self.names.append(name)
        broken = self._fault is Fault.BROKEN and number >= self._at
        if not broken and (self._fault is None or number != self._at):
            return False
        if half and self._fault in (Fault.TORN, Fault.FULL):
            half()
        if self._fault is Fault.POWER:
            self.lose_power()
        if self._fault in DEADLY:
            os._exit(DIED)
        return True

    def _remember(self, path: Path, offset: int, length: int) -> None:
        """Keep what is overwritten until the file is synced."""
        if self._fault is not Fault.POWER or not path.exists():
            return
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(offset)
            self._unsynced.append((path, offset, file.read(min(length, size)), size))

    def _synced(self, path: Path) -> None:
        self._unsynced = [one for one in self._unsynced if one[0] != path]

    # --- SQLite ----------------------------------------------------------------------------------------

    def install(self, sqlite: ctypes.CDLL) -> None:
        """Stand between SQLite and its files, and between our own code and its files."""
        sqlite.sqlite3_vfs_find.restype = POINTER(_System)
        system = sqlite.sqlite3_vfs_find(None).contents
        really_open, really_delete = Open(system.open), Delete(system.delete)

        def open_file(vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
            # The name is passed on as the pointer that it is: SQLite keeps it and reads parameters behind it.
            code = really_open(vfs, name, file, flags, out)
            if code == 0 and name:
                self._paths[file] = Path(os.fsdecode(ctypes.string_at(name)))
                self._stand_between(file)
            return int(code)

        def delete(vfs: int, name: bytes, durable: int) -> int:
            if self._strikes("delete"):
                return _IOERR_DELETE
            self._synced(Path(os.fsdecode(name)))
            return int(really_delete(vfs, name, durable))

        system.open = self._keep(Open(open_file))
        system.delete = self._keep(Delete(delete))
        os.write, os.fsync = self._os_write, self._os_fsync  # type: ignore[assignment]
        os.rename, os.unlink = self._os_rename, self._os_unlink  # type: ignore[assignment]

    def _keep(self, function: Any) -> int:
        """Return a function's address; SQLite holds no reference that Python knows of."""
        self._kept.append(function)
        return ctypes.cast(function, c_void_p).value or 0

    def _stand_between(self, address: int) -> None:
        file = ctypes.cast(address, POINTER(_File)).contents
        real = file.methods.contents
        ours = _Methods.from_buffer_copy(real)
        really_write, really_truncate, really_sync = (
            Write(real.write),
            Truncate(real.truncate),
            Sync(real.sync),
        )

        def write(this: int, data: int, length: int, offset: int) -> int:
            self._remember(self._paths[this], offset, length)
            if self._strikes("write", lambda: really_write(this, data, length // 2, offset)):
                return _FULL if self._fault is Fault.FULL else _IOERR_WRITE
            return int(really_write(this, data, length, offset))

        def truncate(this: int, size: int) -> int:
            self._remember(self._paths[this], size, 2**40)
            if self._strikes("truncate"):
                return _IOERR_TRUNCATE
            return int(really_truncate(this, size))

        def sync(this: int, flags: int) -> int:
            if self._strikes("sync"):
                return _IOERR_FSYNC
            self._synced(self._paths[this])
            return int(really_sync(this, flags))

        ours.write = self._keep(Write(write))
        ours.truncate = self._keep(Truncate(truncate))
        ours.sync = self._keep(Sync(sync))
        self._kept.append(ours)
        file.methods = ctypes.pointer(ours)

    # --- Our own files ---------------------------------------------------------------------------------

    def _refuse(self) -> OSError:
        return OSError(errno.ENOSPC if self._fault is Fault.FULL else errno.EIO, "made-up fault")

    def _os_write(self, descriptor: int, data: Any) -> int:
        path = _path_of(descriptor)
        self._remember(path, os.lseek(descriptor, 0, os.SEEK_CUR), len(data))
        if self._strikes("own write", lambda: self.really_write(descriptor, bytes(data)[: len(data) // 2])):
            raise self._refuse()
        return self.really_write(descriptor, data)

    def _os_fsync(self, descriptor: int) -> None:
        if self._strikes("own fsync"):
            raise self._refuse()
        self._synced(_path_of(descriptor))
        self._fsync(descriptor)

    def _os_rename(self, *args: Any, **kwargs: Any) -> None:
        if self._strikes("own rename"):
            raise self._refuse()
        self._rename(*args, **kwargs)

    def _os_unlink(self, *args: Any, **kwargs: Any) -> None:
        if self._strikes("own unlink"):
            raise self._refuse()
        self._unlink(*args, **kwargs)


def _path_of(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()
