"""The source video of a clip, by its address."""

import re

# The eleven characters of a YouTube video's id, in the forms in which addresses name it.
YOUTUBE_ID = r"(?:youtube(?:-nocookie)?\.com/(?:watch\?(?:.*&)?v=|embed/|shorts/|live/|v/)|youtu\.be/)([\w-]{11})"


def source_video(address: str) -> str:
    """Return the id of a source video: that of a YouTube video, else the address as it is."""
    found = re.search(YOUTUBE_ID, address)
    return f"youtube:{found[1]}" if found else address
