"""Choosing a file: its bytes come into memory, and nothing is written or uploaded to a folder on the way.

The name of the file stays with whoever chose it. On a phone, the system's own picker may keep a copy in its cache.
"""

from typing import Final

import flet as ft

EXTENSIONS: Final = (
    "jpg", "jpeg", "png", "webp", "aac", "amr", "flac", "m4a", "mp3", "oga", "ogg", "opus", "wav", "pdf",
)  # fmt: skip
"""What the picker offers; what a file is, its content decides."""


async def pick_file() -> bytes | None:
    """Let the worker choose one file and return its bytes; None when nothing was chosen."""
    chosen = await ft.FilePicker().pick_files(
        file_type=ft.FilePickerFileType.CUSTOM,
        allowed_extensions=[*EXTENSIONS],
        with_data=True,
        # The dialog itself takes the focus away; that must not count as having cancelled it.
        cancel_upload_on_window_blur=False,
    )
    return (chosen[0].bytes or b"") if chosen else None
