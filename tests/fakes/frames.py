"""What a camera sees of the code on the desk's screen: turned, tilted, unevenly lit, blurred, noisy, as a JPEG."""

import io
import math
from random import Random

from PIL import Image, ImageFilter

from fieldapp.desk.parts.code import qr_png
from fieldapp.services.scanning.finding import _solved


def jpeg(picture: Image.Image, quality: int = 70) -> bytes:
    """Return a picture as the camera's plugin encodes it."""
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


def code_picture(text: str, width: int = 640, height: int = 480, side: int = 360) -> Image.Image:
    """Return the code straight ahead, in the middle."""
    code = Image.open(io.BytesIO(qr_png(text))).convert("RGB").resize((side, side))
    picture = Image.new("RGB", (width, height), "gray")
    picture.paste(code, ((width - side) // 2, (height - side) // 2))
    return picture


def frame(
    text: str, random: Random, *, size: tuple[int, int] = (720, 480), share: float = 0.55, tilt: float = 0.1
) -> bytes:
    """Return one frame. `share`: the code's side of the shorter side; `tilt`: how far its corners are moved."""
    width, height = size
    code = Image.open(io.BytesIO(qr_png(text))).convert("L")
    angle, side = random.uniform(0, 2 * math.pi), min(size) * share
    corners = []
    for dx, dy in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        x, y = (d * side * (1 + random.uniform(-tilt, tilt)) for d in (dx, dy))
        corners.append(
            (
                width / 2 + x * math.cos(angle) - y * math.sin(angle),
                height / 2 + x * math.sin(angle) + y * math.cos(angle),
            )
        )
    flat = ((0, 0), (code.width, 0), (code.width, code.width), (0, code.width))
    rows = []
    for (u, v), (x, y) in zip(flat, corners, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    numbers = _solved(rows)
    where = Image.Transform.PERSPECTIVE
    seen = code.transform(size, where, numbers, Image.Resampling.BILINEAR)
    mask = Image.new("L", code.size, 255).transform(size, where, numbers)
    picture = Image.composite(seen, Image.effect_noise(size, 40), mask).point(
        [40 + v * 3 // 5 for v in range(256)]
    )
    light = Image.linear_gradient("L").resize(size).rotate(random.choice((0, 180)))
    picture = Image.blend(picture, light, 0.3).filter(ImageFilter.GaussianBlur(1))
    return jpeg(Image.blend(picture, Image.effect_noise(size, 48), 0.12))
