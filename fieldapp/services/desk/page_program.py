"""The program that draws one page of a PDF: run by its path in a fresh interpreter, never imported to draw.

    python -I page_program.py NUMBER < document > answer

A PDF comes from a device that may be in the wrong hands, and the library that reads it is large: whoever takes it over
must find nothing. So this program has no keys, no environment and no file; before it looks at the document it gives up
opening anything at all (files, sockets), starting programs and most of the system's calls. It imports nothing of this
project. PDFium is used without forms; its package here has no JavaScript and no XFA.

The answer is `HEAD` (magic, what became of it, pages of the document, width and height in pixels) and width x height x 3
bytes of red, green and blue: nothing in it has to be decoded. Only numbers are read from it; see `pages`.
"""

import contextlib
import ctypes
import platform
import struct
import sys
from enum import IntEnum
from typing import Final

MAGIC: Final = b"FPG1"
HEAD: Final = struct.Struct(">4sBHHH")
SIDE: Final = 2048
"""Pixels of the longer side of a page, as of a photo."""
LARGEST_SCALE: Final = 8.0
"""Pixels for one point (1/72 inch) at most: a stamp is not blown up."""
MOST_BYTES: Final = 1_015_808
"""Of a document: the largest file that travels (`MAX_FILE_SIZE`)."""
MOST_PAGES: Final = 0xFFFF
MEMORY: Final = 512 * 1024 * 1024
"""Bytes of address space: Python and PDFium need some 100 MB, a page at 300 dots an inch 30."""
CPU_SECONDS: Final = 10

_NO_ERROR, _PASSWORD_ERROR = 0, 4
"""FPDF_ERR_SUCCESS (a document that opens and has no page) and FPDF_ERR_PASSWORD of fpdfview.h."""
_SET_PARENT_DEATH, _SET_DUMPABLE, _SET_SECCOMP, _SET_NO_NEW_PRIVILEGES = 1, 4, 22, 38
"""Of ``prctl``, Linux."""
_KILL: Final = 9
_FILTER: Final = 2
"""SECCOMP_MODE_FILTER."""

_CALLS: Final[dict[str, tuple[int, tuple[int, ...]]]] = {
    # read write close lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn sched_yield mremap
    # madvise getpid exit gettimeofday sysinfo futex clock_gettime exit_group getrandom
    "x86_64": (
        0xC000003E,
        (0, 1, 3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 28, 39, 60, 96, 99, 202, 228, 231, 318),
    ),
    "aarch64": (
        0xC00000B7,
        (
            63, 64, 57, 62, 222, 226, 215, 214, 134, 135, 139, 124, 216,
            233, 172, 93, 169, 179, 98, 113, 94, 278,
        ),
    ),
}  # fmt: skip
"""The system calls that drawing needs, by machine, with its AUDIT_ARCH; every other one fails with EPERM."""


class Result(IntEnum):
    """What became of a page."""

    DRAWN = 0
    PASSWORD = 1
    """The document is encrypted."""
    EMPTY = 2
    """It has no page of this number."""
    UNREADABLE = 3


def limit() -> None:
    """Give up memory, time and writing files. OSError or ValueError where the system refuses; ImportError on Windows."""
    import resource

    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CPU, CPU_SECONDS),
    ):
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)  # what the system allows less of stays as it is
        resource.setrlimit(kind, (most, most))
    with contextlib.suppress(OSError, ValueError):  # macOS knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if sys.platform.startswith("linux"):
        control = ctypes.CDLL(None).prctl
        control(_SET_PARENT_DEATH, _KILL, 0, 0, 0)
        control(_SET_DUMPABLE, 0, 0, 0, 0)


def shut_in() -> None:
    """Give up opening anything, starting anything and, on Linux, most of the system's calls. Errors as `limit`."""
    import resource

    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    if sys.platform.startswith("linux"):
        _only_the_calls_of_drawing()


def _only_the_calls_of_drawing() -> None:
    """Install a seccomp filter (linux/filter.h); a kernel without it leaves the limits, which hold by themselves."""
    known = _CALLS.get(platform.machine())
    if known is None:
        return
    machine, calls = known
    load, jump_if, answer = 0x20, 0x15, 0x06
    kill, refuse, allow = 0x80000000, 0x00050001, 0x7FFF0000
    lines = [(load, 0, 0, 4), (jump_if, 1, 0, machine), (answer, 0, 0, kill), (load, 0, 0, 0)]
    for place, call in enumerate(calls):
        lines.append((jump_if, len(calls) - place, 0, call))
    lines += [(answer, 0, 0, refuse), (answer, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    program = struct.pack("@HP", len(lines), ctypes.addressof(code))
    control = ctypes.CDLL(None).prctl
    control(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    control(_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(program), 0, 0)


def drawn(document: bytes, number: int) -> bytes:
    """Return the answer for page `number` (from 0) of a document. Whatever the library raises is `Result.UNREADABLE`."""
    import pypdfium2

    pages = 0
    try:
        opened = pypdfium2.PdfDocument(document)
        pages = min(len(opened), MOST_PAGES)
        if not 0 <= number < pages:
            return _answer(Result.EMPTY, pages)
        page = opened[number]
        bitmap = page.render(
            scale=min(SIDE / max(page.get_size()), LARGEST_SCALE),
            may_draw_forms=False,
            rev_byteorder=True,
            force_bitmap_format=pypdfium2.raw.FPDFBitmap_BGR,
        )
        # A side is rounded up, so that it may be one pixel too long.
        width, height = min(bitmap.width, SIDE), min(bitmap.height, SIDE)
        rows = memoryview(bitmap.buffer).cast("B")
        starts = range(0, height * bitmap.stride, bitmap.stride)
        return _answer(Result.DRAWN, pages, width, height) + b"".join(
            rows[at : at + width * 3] for at in starts
        )
    except pypdfium2.PdfiumError as error:
        known = {_NO_ERROR: Result.EMPTY, _PASSWORD_ERROR: Result.PASSWORD}
        return _answer(known.get(error.err_code, Result.UNREADABLE), pages)
    except Exception:
        return _answer(Result.UNREADABLE, pages)


def _answer(result: Result, pages: int = 0, width: int = 0, height: int = 0) -> bytes:
    return HEAD.pack(MAGIC, result, pages, width, height)


def main() -> None:
    """Read a document from standard input and write the answer to standard output."""
    limit()
    import pypdfium2
    import pypdfium2.raw

    pypdfium2.raw.FPDF_SetSandBoxPolicy(pypdfium2.raw.FPDF_POLICY_MACHINETIME_ACCESS, 0)
    number = int(sys.argv[1])
    document = sys.stdin.buffer.read(MOST_BYTES)
    shut_in()
    sys.stdout.buffer.write(drawn(document, number))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
