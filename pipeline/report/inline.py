"""Pictures and sound as data URLs within size budgets: the page needs no other file and remains small."""

from base64 import b64encode
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the page: its data URL, its size in pixels, and its alternative text."""

    data_url: str
    width_px: int
    height_px: int
    alt: str


class SizeBudget:
    """How many characters one part of the page may still use."""

    def __init__(self, n_characters: int) -> None:
        self.n_left = n_characters

    def data_url(self, data: bytes, media_type: str) -> str | None:
        """Return ``data`` as a data URL and subtract its length; None, and nothing is subtracted, if it doesn't fit."""
        url = f"data:{media_type};base64,{b64encode(data).decode('ascii')}"
        if len(url) > self.n_left:
            return None
        self.n_left -= len(url)
        return url
