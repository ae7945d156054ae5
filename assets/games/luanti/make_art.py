"""Draws the small pictures of the mod and writes its body: `python make_art.py [FOLDER]`.

The skin has the usual layout of 64 x 32 pixels, so that people can put any skin of their own in its place.
"""

import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

Colour = tuple[int, int, int, int]
Box = tuple[int, int, int, int, int]
"""Where a box begins in the skin (u, v), and its width, height and depth; all in pixels."""

WIDTH, HEIGHT = 64, 32
HEAD: Box = (0, 0, 8, 8, 8)
LEG: Box = (0, 16, 4, 12, 4)
TRUNK: Box = (16, 16, 8, 12, 4)
ARM: Box = (40, 16, 4, 12, 4)
PIXEL = 17.5 / 32
"""The engine's units per pixel: a person of 32 pixels is one and three quarters of a node high."""

NOTHING: Colour = (0, 0, 0, 0)
INK = {".": NOTHING, "b": (60, 40, 30, 255), "w": (245, 245, 245, 255), "k": (35, 45, 70, 255), "m": (120, 45, 45, 255)}
FACES = {
    "neutral": ("........", "........", ".bb..bb.", ".wk..kw.", "........", "........", "..mmmm..", "........"),
    "happy": ("........", ".bb..bb.", "........", ".wk..kw.", "........", ".m....m.", "..mmmm..", "........"),
    "sad": ("........", "..b..b..", ".b....b.", ".wk..kw.", "........", "..mmmm..", ".m....m.", "........"),
    "angry": ("........", ".b....b.", "..b..b..", ".wk..kw.", "........", "........", "..mmmm..", ".m....m."),
    "afraid": (".bb..bb.", "........", ".ww..ww.", ".wk..kw.", "........", "........", "..m.m.m.", "...m.m.."),
    "surprised": (".bb..bb.", "........", ".ww..ww.", ".wk..kw.", "........", "...mm...", "...mm...", "........"),
}


def sides(box: Box) -> Iterator[tuple[str, int, int, int, int]]:
    """Name, left, top, width and height of each side of a box in the skin."""
    u, v, w, h, d = box
    yield "top", u + d, v, w, d
    yield "bottom", u + d + w, v, w, d
    yield "right", u, v + d, d, h
    yield "front", u + d, v + d, w, h
    yield "left", u + d + w, v + d, d, h
    yield "back", u + 2 * d + w, v + d, w, h


def picture(colour: Callable[[int, int], Colour]) -> bytes:
    """A PNG whose pixels are what the function says."""
    rows = b"".join(
        b"\0" + bytes(part for x in range(WIDTH) for part in colour(x, y))  # 0: this row is not filtered
        for y in range(HEIGHT)
    )
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def _inside(box: Box, x: int, y: int) -> tuple[str, int, int] | None:
    """Which side of a box a pixel belongs to, and where in it."""
    for name, left, top, width, height in sides(box):
        if left <= x < left + width and top <= y < top + height:
            return name, x - left, y - top
    return None


def skin(x: int, y: int) -> Colour:
    """Bare skin, a little uneven."""
    if not any(_inside(box, x, y) for box in (HEAD, LEG, TRUNK, ARM)):
        return NOTHING
    shade = (x * 7 + y * 13) % 5
    return 226 - shade, 180 - shade, 148 - shade, 255


def clothes(x: int, y: int) -> Colour:
    """Shirt, trousers and boots in greys, for the engine to colour."""
    shade = (x * 5 + y * 11) % 7
    for box, first, last, grey in ((TRUNK, 0, 12, 235), (ARM, 0, 9, 225), (LEG, 0, 9, 130), (LEG, 9, 12, 70)):
        at = _inside(box, x, y)
        if at is None:
            continue
        side, _, down = at
        covered = {"top": first == 0, "bottom": last == 12}.get(side, first <= down < last)
        if covered:
            belt = box is TRUNK and down in (10, 11) and side not in ("top", "bottom")
            value = (90 if belt else grey) - shade
            return value, value, value, 255
    return NOTHING


def hair(x: int, y: int) -> Colour:
    """Hair in greys, for the engine to colour."""
    at = _inside(HEAD, x, y)
    if at is None:
        return NOTHING
    side, across, down = at
    low = {"top": 8, "back": 6, "left": 4, "right": 4, "front": 1, "bottom": 0}[side]
    if side == "front" and across in (0, 7):
        low = 3
    if down >= low:
        return NOTHING
    value = 235 - (x * 11 + y * 3) % 30
    return value, value, value, 255


def face(rows: tuple[str, ...]) -> Callable[[int, int], Colour]:
    """A face on the front of the head."""

    def colour(x: int, y: int) -> Colour:
        at = _inside(HEAD, x, y)
        return INK[rows[at[2]][at[1]]] if at is not None and at[0] == "front" else NOTHING

    return colour


def pictures() -> dict[str, bytes]:
    """All pictures by file name."""
    drawn = {"skin": skin, "clothes": clothes, "hair": hair}
    drawn |= {f"face_{name}": face(rows) for name, rows in FACES.items()}
    return {f"npc_runtime_{name}.png": picture(colour) for name, colour in drawn.items()}


def body() -> str:
    """The body as Wavefront OBJ: six boxes that stand on the ground and look along -z: the engine's forward."""
    lines = ["# Written by make_art.py", "o person"]
    count = 0
    places = (
        (HEAD, -4, 24, -4),
        (TRUNK, -4, 12, -2),
        (ARM, -8, 12, -2),
        (ARM, 4, 12, -2),
        (LEG, -4, 0, -2),
        (LEG, 0, 0, -2),
    )
    for box, left, low, near in places:
        w, h, d = box[2:]
        x, y, z = (left, left + w), (low, low + h), (near, near + d)
        # Corners as one looks at a side: upper left, upper right, lower right, lower left.
        corners = {
            "front": ((1, 1, 1), (0, 1, 1), (0, 0, 1), (1, 0, 1), (0, 0, 1)),
            "back": ((0, 1, 0), (1, 1, 0), (1, 0, 0), (0, 0, 0), (0, 0, -1)),
            "right": ((1, 1, 0), (1, 1, 1), (1, 0, 1), (1, 0, 0), (1, 0, 0)),
            "left": ((0, 1, 1), (0, 1, 0), (0, 0, 0), (0, 0, 1), (-1, 0, 0)),
            "top": ((1, 1, 0), (0, 1, 0), (0, 1, 1), (1, 1, 1), (0, 1, 0)),
            "bottom": ((1, 0, 1), (0, 0, 1), (0, 0, 0), (1, 0, 0), (0, -1, 0)),
        }
        for side, u, v, width, height in sides(box):
            *four, normal = corners[side]
            edges = ((u, v), (u + width, v), (u + width, v + height), (u, v + height))
            for (i, j, k), (s, t) in zip(four, edges, strict=True):
                lines.append(f"v {-x[i] * PIXEL:.4f} {y[j] * PIXEL:.4f} {-z[k] * PIXEL:.4f}")
                lines.append(f"vt {s / WIDTH:.6f} {1 - t / HEIGHT:.6f}")
            lines.append(f"vn {-normal[0]} {normal[1]} {-normal[2]}")
            corner = [f"{count * 4 + at}/{count * 4 + at}/{count + 1}" for at in (1, 4, 3, 2)]
            lines.append("f " + " ".join(corner))
            count += 1
    return "\n".join(lines) + "\n"


def write(folder: Path) -> None:
    """Write everything below the folder of the mod."""
    for name, data in pictures().items():
        (folder / "textures").mkdir(parents=True, exist_ok=True)
        (folder / "textures" / name).write_bytes(data)
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / "models" / "npc_runtime_person.obj").write_text(body(), encoding="ascii", newline="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "npc_runtime")
