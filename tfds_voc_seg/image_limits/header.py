"""What the header of an image file says, and the error for a header that cannot be used."""

from __future__ import annotations

import dataclasses

_GIF_TRAILER = b";"


class ImageRefusedError(ValueError):
    """An image that is not decoded; the message is a sentence without its subject.

    Attributes:
        what: what is wrong with the image.
        advice: what to do.
    """

    def __init__(self, what: str, advice: str):
        super().__init__(f"{what}: {advice}")
        self.what, self.advice = what, advice


class UnknownFormatError(ImageRefusedError):
    """A file that is not an image, or has a format that is not read here."""


@dataclasses.dataclass(frozen=True)
class ImageHeader:
    """What a file says about its first image.

    Attributes:
        format: PIL's name of the format.
        width: pixels, as stored.
        height: pixels, as stored.
        frame: width and height of the first frame of a GIF, which may differ from those of its screen.
        scans: the number of times that the pixels are read: the scans of a JPEG, 1 for other formats.
        pixel_bytes: bytes per pixel that the decoder itself holds besides its result.
        animated: whether a GIF has a second frame.
        end: where the first image ends in the file; `None` to decode the whole file.
    """

    format: str
    width: int
    height: int
    frame: tuple[int, int] | None = None
    scans: int = 1
    pixel_bytes: int = 0
    animated: bool = False
    end: int | None = None

    def first_image(self, content: bytes) -> bytes:
        """Returns the part of the file that decoders need; they would unpack the other frames of a GIF as well."""
        if self.end is None or self.end >= len(content):
            return content
        return content[: self.end] + _GIF_TRAILER
