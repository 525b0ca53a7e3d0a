"""Write inpainted pictures with metadata that mark them as synthetic."""

from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import BadInput
from pipeline.core.storage.atomic import replacing

NOTICE = "Synthetic: parts of this face were inpainted by facevox from a voice. It shows nobody as they are."
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's digital source type of a picture of which a trained model made a part."""

XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    f' Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
    f'<rdf:li xml:lang="x-default">{NOTICE}</rdf:li>'
    "</rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="r"?>'
)
JPEG_QUALITY = 95
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def write_marked(picture: ImageRGB, path: Path) -> None:
    """Write (H, W, 3) as PNG or JPEG, by the name's suffix, whole or not at all; raises BadInput for another one.

    The notice is in the file's XMP and in its comment.
    """
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise BadInput(f"{path}: expected a name that ends in {', '.join(FORMATS)}")
    with replacing(path) as temporary:
        if form == "PNG":
            metadata = PngInfo()
            metadata.add_itxt("XML:com.adobe.xmp", XMP)
            metadata.add_text("Comment", NOTICE)
            Image.fromarray(picture).save(temporary, form, pnginfo=metadata)
        else:
            Image.fromarray(picture).save(temporary, form, quality=JPEG_QUALITY, xmp=XMP.encode(), comment=NOTICE)
