"""Take an uploaded picture apart, check it, and write it anew; pure, and safe for hostile files.

Decoders are the most attacked part of any upload. So a file is first walked through by hand: what
it is, how large, and which of its parts make up the first still picture. Only those parts reach
Pillow, and only if the picture is within `PictureLimits`. Everything else (metadata, colour
profiles, comments, further frames, trailing bytes) is never interpreted, and cannot leave, because
what is stored is encoded again from the pixels. Pillow by itself bounds none of this tightly: it
inflates up to 64 MiB of text while it opens a PNG, joins Exif segments in quadratic time, and
allocates a WebP's canvas before anybody can see its size.

Must not know names, declared types, the database or the web.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Union

from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from bot.errors import PictureRefusedError, PictureTooLargeError

ACCEPTED_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")
ALLOWED = "allowed are JPEG, PNG, WebP and GIF"

Part = Union[bytes, memoryview]


@dataclass(frozen=True)
class PictureLimits:
    """What is accepted, and how large the result may be.

    Attributes:
        max_bytes: of the file.
        max_pixels: width by height; 24 binary megapixels hold a 5712 x 4284 phone picture.
        max_ratio: of the longer side to the shorter one.
        max_pixels_per_byte: a picture of more than `bomb_pixels` that is packed better than this
            is a bomb, not a photograph (a blank screenshot has 140, a bomb 300 to 8,000).
        output_side: longer side of the result, in pixels; larger pictures are scaled down.
    """

    max_bytes: int = 8 * 1024 * 1024
    max_pixels: int = 24 * 1024 * 1024
    min_side: int = 16
    max_side: int = 12_000
    max_ratio: int = 20
    bomb_pixels: int = 4 * 1024 * 1024
    max_pixels_per_byte: int = 200
    output_side: int = 2048


@dataclass(frozen=True)
class CleanPicture:
    """A picture that was encoded here: `data` holds nothing but its pixels."""

    data: bytes
    media_type: str
    width: int
    height: int


@dataclass(frozen=True)
class _Still:
    """The parts of one still picture, not decoded yet, with what its header says."""

    kind: str
    parts: Sequence[Part]
    width: int
    height: int
    orientation: int = 1


def inspect_and_reencode(data: bytes, limits: PictureLimits) -> CleanPicture:
    """Return the first frame of a JPEG, PNG, WebP or GIF as a new, clean JPEG or WebP.

    WebP keeps transparent parts; everything else becomes JPEG.

    Raises:
        PictureTooLargeError: too many bytes or pixels.
        PictureRefusedError: no such picture, damaged, cut off, or of an odd shape.
    """
    if len(data) > limits.max_bytes:
        raise PictureTooLargeError(
            f"this file has {len(data)} bytes; a picture may have {limits.max_bytes}"
        )
    still = _find_still(data)
    _check_shape(still, limits)
    try:
        return _encode(_turn_upright(_decode(still, limits.output_side), still.orientation))
    except Exception as error:  # Pillow's decoders raise whatever they stumble over
        raise _damaged(f"it cannot be decoded: {error}") from error


def _find_still(data: bytes) -> _Still:
    """Recognise a file by its first bytes and collect its first picture."""
    readers: list[tuple[bytes, Callable[[bytes], _Still]]] = [
        (rb"\xff\xd8\xff", _read_jpeg),
        (rb"\x89PNG\r\n\x1a\n", _read_png),
        (rb"GIF8[79]a", _read_gif),
        (rb"(?s:RIFF....WEBP)", _read_webp),
    ]
    for beginning, read in readers:
        if re.match(beginning, data):
            return read(data)
    raise PictureRefusedError(f"this file is no picture of a known type; {ALLOWED}")


def _check_shape(still: _Still, limits: PictureLimits) -> None:
    """Refuse what is too large, too small, too long or suspiciously well packed."""
    short, long = sorted((still.width, still.height))
    pixels = short * long
    said = f"this picture has {still.width} x {still.height} pixels"
    if pixels > limits.max_pixels or long > limits.max_side:
        most = limits.max_pixels // 1024**2
        raise PictureTooLargeError(
            f"{said}; allowed are {most} megapixels and {limits.max_side} pixels a side"
        )
    if short < limits.min_side:
        raise PictureRefusedError(f"{said}; a side needs {limits.min_side} at least")
    if long > limits.max_ratio * short:
        raise PictureRefusedError(f"{said}; a side may be {limits.max_ratio} times the other")
    size = sum(len(part) for part in still.parts)
    if pixels > limits.bomb_pixels and pixels > limits.max_pixels_per_byte * size:
        raise PictureRefusedError(f"{said} in {size} bytes: that is no photograph")


def _damaged(reason: str) -> PictureRefusedError:
    return PictureRefusedError(f"this picture is damaged or incomplete: {reason}; {ALLOWED}")


# --- taking files apart -----------------------------------------------------------------------


class _Reader:
    """Walks through a file without copying it: not past its end, not for more than `steps`."""

    def __init__(self, data: Part, place: int = 0, steps: int = 10_000) -> None:
        self.data = memoryview(data)
        self.place = place
        self._steps_left = steps

    def take(self, count: int) -> memoryview:
        """Return the next `count` bytes."""
        end = self.place + count
        self._steps_left -= 1
        if end > len(self.data):
            raise _damaged("it ends too early")
        if self._steps_left < 0:
            raise _damaged("it has too many parts")
        part = self.data[self.place : end]
        self.place = end
        return part


_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither stuffing, fill nor restart
_JPEG_SCAN, _JPEG_END, _JPEG_EXIF = 0xDA, 0xD9, 0xE1
_JPEG_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive; all with Huffman codes
_JPEG_KEPT = _JPEG_FRAMES | {0xC4, 0xDB, 0xDD, 0xEE, _JPEG_SCAN}  # tables, Adobe's colour mark
_JPEG_MAX_SCANS = 20  # a decoder goes over all pixels in each; encoders use about ten


def _read_jpeg(data: bytes) -> _Still:
    kept: list[Part] = [b"\xff\xd8"]
    width = height = scans = 0
    orientation = 1
    for marker, segment in _jpeg_segments(data):
        if marker in _JPEG_KEPT:
            kept.append(segment)
        if marker in _JPEG_FRAMES:
            height, width = _big(segment[5:7]), _big(segment[7:9])
        elif marker == _JPEG_EXIF and bytes(segment[4:10]) == b"Exif\0\0":
            orientation = _orientation(segment[10:])
        scans += marker == _JPEG_SCAN
    if not width or not 0 < scans <= _JPEG_MAX_SCANS:
        raise _damaged(f"a JPEG of an unusual kind, with {scans} scans")
    return _Still("jpeg", [*kept, b"\xff\xd9"], width, height, orientation)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """Yield marker and bytes of each segment up to the end mark; a scan with its data."""
    reader = _Reader(data, 2)
    while (found := _JPEG_MARKER.search(data, reader.place)) is not None:
        start, marker = found.start(), data[found.end() - 1]
        if marker == _JPEG_END:
            return
        reader.place = found.end()
        reader.take(_big(data[reader.place : reader.place + 2]))
        if marker == _JPEG_SCAN:
            following = _JPEG_MARKER.search(data, reader.place)
            reader.place = following.start() if following else len(data)
        yield marker, reader.data[start : reader.place]
    raise _damaged("it ends too early")


_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def _read_png(data: bytes) -> _Still:
    reader = _Reader(data, 8)
    kept: list[Part] = [data[:8]]
    orientation = 1
    if data[12:16] != b"IHDR":
        raise _damaged("its header is missing")
    kind = b""
    while kind != b"IEND":
        head = reader.take(8)
        kind = bytes(head[4:])
        body = reader.take(_big(head[:4]) + 4)
        if kind in _PNG_KEPT:
            kept += [head, body]
        elif kind == b"eXIf":
            orientation = _orientation(body[:-4])
    return _Still("png", kept, _big(data[16:20]), _big(data[20:24]), orientation)


def _read_gif(data: bytes) -> _Still:
    reader = _Reader(data, 6, steps=80_000)  # 8 MiB are 33,000 full blocks
    screen = reader.take(7)
    kept: list[Part] = [b"GIF89a", screen, _gif_palette(reader, screen[4])]
    width, height = _little(screen[0:2]), _little(screen[2:4])
    while (mark := bytes(reader.take(1))) == b"!":
        label = bytes(reader.take(1))
        blocks = _gif_blocks(reader)
        if label == b"\xf9":  # which colour is transparent
            kept += [b"!\xf9", blocks]
    if mark != b",":
        raise _damaged("there is no picture in it")
    frame = reader.take(9)
    kept += [mark, frame, _gif_palette(reader, frame[8]), reader.take(1), _gif_blocks(reader)]
    return _Still("gif", [*kept, b";"], width, height)


def _gif_palette(reader: _Reader, flags: int) -> memoryview:
    return reader.take(6 << (flags & 7) if flags & 0x80 else 0)


def _gif_blocks(reader: _Reader) -> memoryview:
    """Take a chain of blocks, each with its length before it, up to the empty one."""
    start = reader.place
    while size := reader.take(1)[0]:
        reader.take(size)
    return reader.data[start : reader.place]


def _read_webp(data: bytes) -> _Still:
    reader = _Reader(data, 8)
    chunks = _webp_chunks(reader.take(_little(data[4:8]))[4:])
    orientation = _orientation(chunks.get(b"EXIF", b""))
    if b"ANMF" in chunks:
        chunks = _webp_chunks(memoryview(chunks[b"ANMF"])[16:])
    kept, width, height = _webp_still(chunks)
    size = 4 + sum(len(part) for part in kept)
    kept = [b"RIFF", size.to_bytes(4, "little"), b"WEBP", *kept]
    return _Still("webp", kept, width, height, orientation)


def _webp_still(chunks: dict[bytes, Part]) -> tuple[list[Part], int, int]:
    """Return the chunks of one picture, and its width and height as the pixels' own header says."""
    if b"VP8L" in chunks:
        sides = _little(chunks[b"VP8L"][1:5])
        kept = _webp_chunk(b"VP8L", chunks[b"VP8L"])
        return kept, (sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1
    body = chunks.get(b"VP8 ", b"")
    width, height = _little(body[6:8]) & 0x3FFF, _little(body[8:10]) & 0x3FFF
    if not width or not height:
        raise _damaged("there is no picture in it")
    kept = _webp_chunk(b"VP8 ", body)
    if b"ALPH" in chunks:
        head = 0x10 | (width - 1) << 32 | (height - 1) << 56
        above = _webp_chunk(b"VP8X", head.to_bytes(10, "little"))
        kept = [*above, *_webp_chunk(b"ALPH", chunks[b"ALPH"]), *kept]
    return kept, width, height


def _webp_chunks(data: memoryview) -> dict[bytes, Part]:
    """Return the first chunk of each name."""
    reader = _Reader(data)
    chunks: dict[bytes, Part] = {}
    while reader.place < len(data):
        head = reader.take(8)
        size = _little(head[4:])
        body = reader.take(size + size % 2)
        chunks.setdefault(bytes(head[:4]), body[:size])
    return chunks


def _webp_chunk(name: bytes, body: Part) -> list[Part]:
    return [name, len(body).to_bytes(4, "little"), body, b"\0" * (len(body) % 2)]


def _orientation(exif: Part) -> int:
    """Return Exif's orientation (1 to 8); 1 if it is not there or makes no sense."""
    tiff = memoryview(exif)[6:] if exif[:6] == b"Exif\0\0" else memoryview(exif)
    number = {b"II": _little, b"MM": _big}.get(bytes(tiff[:2]))
    if number is None:
        return 1
    directory = number(tiff[4:8])
    for index in range(min(number(tiff[directory : directory + 2]), 500)):
        start = directory + 2 + 12 * index
        if number(tiff[start : start + 2]) == 0x0112:
            value = number(tiff[start + 8 : start + 10])
            return value if 1 <= value <= 8 else 1
    return 1


def _big(part: Part) -> int:
    return int.from_bytes(part, "big")


def _little(part: Part) -> int:
    return int.from_bytes(part, "little")


# --- decoding and encoding --------------------------------------------------------------------

_PLUGINS = {
    "jpeg": JpegImageFile,
    "png": PngImageFile,
    "gif": GifImageFile,
    "webp": WebPImageFile,
}
_SCALABLE_MODES = {"L", "LA", "RGB", "RGBA", "CMYK"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _decode(still: _Still, output_side: int) -> Image.Image:
    """Decode to RGB or RGBA, scaled down to `output_side` as early as the format allows."""
    opened = _PLUGINS[still.kind](BytesIO(b"".join(still.parts)))
    if opened.size != (still.width, still.height):
        raise ValueError(f"its size is said in two ways, {opened.size} the second")
    scale = min(1.0, output_side / max(opened.size))
    opened.draft(None, (round(still.width * scale), round(still.height * scale)))
    opened.load()
    image: Image.Image = opened
    if image.mode.startswith("I"):  # 16 bits of grey
        image = image.point(lambda value: value / 256).convert("L")
        image.info.pop("transparency", None)
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode not in _SCALABLE_MODES or "transparency" in image.info:
        image = image.convert(wanted)
    image.thumbnail((output_side, output_side))
    return image if image.mode == wanted else image.convert(wanted)


def _turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _encode(image: Image.Image) -> CleanPicture:
    """Write JPEG, or WebP if something shines through; without anything but the pixels."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    image.info.clear()
    out = BytesIO()
    if image.mode == "RGBA":
        image.save(out, "WEBP", quality=85, method=2)
        return CleanPicture(out.getvalue(), "image/webp", image.width, image.height)
    image.save(out, "JPEG", quality=85)
    return CleanPicture(out.getvalue(), "image/jpeg", image.width, image.height)
