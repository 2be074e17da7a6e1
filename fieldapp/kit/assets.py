"""Where the program's own data files lie."""

from functools import cache
from pathlib import Path


@cache
def assets_root() -> Path:
    """Return the `assets` folder: beside the package in a checkout, inside it in an installed wheel.

    Raises:
        FileNotFoundError: neither place holds `locale/`, so the installation is broken.

    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package.parent / "assets", package / "assets"):
        if (folder / "locale").is_dir():
            return folder
    raise FileNotFoundError("assets")
