"""Pictures and sound as part of the page itself, within an allowance: it opens without a server and stays small."""

from base64 import b64encode
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the page: its data address, its size in pixels, and what it shows, for those who can't see it."""

    address: str
    width_px: int
    height_px: int
    alt: str


class Allowance:
    """How much of the page one part may still take up, in characters."""

    def __init__(self, n_characters: int) -> None:
        self.n_left = n_characters

    def address(self, data: bytes, media_type: str) -> str | None:
        """Return ``data`` as a data address and take it off; None, and nothing is taken, where it doesn't fit."""
        address = f"data:{media_type};base64,{b64encode(data).decode('ascii')}"
        if len(address) > self.n_left:
            return None
        self.n_left -= len(address)
        return address
