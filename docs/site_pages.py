"""A hook of mkdocs: pages that stand elsewhere in the repository become pages of the site, and links follow them."""

import re
from pathlib import PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "manifests/README.md": "dictionary.md",
    "manifests/review/README.md": "review.md",
    "pipeline/README.md": "architecture.md",
}
"""Paths in the repository, and the pages that they become."""

_LINK = re.compile(r"(?<=\]\()([^)#\s:]+)(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages; the pictures in the overview are those of docs/."""
    root = PurePosixPath(config.config_file_path).parent
    for origin, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(root / origin)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Return the page with its links as the site has them: they are written as they work in the repository."""
    origin = next((path for path, made in PAGES.items() if made == page.file.src_uri), f"docs/{page.file.src_uri}")
    folder = PurePosixPath(origin).parent
    return _LINK.sub(lambda link: _in_site(folder, link[0]), markdown)


def _in_site(folder: PurePosixPath, link: str) -> str:
    """Return where a relative link in a page of ``folder`` leads in the site, which has all pages in one folder."""
    parts: list[str] = []
    for part in (folder / link).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    path = "/".join(parts)
    return PAGES.get(path, path.removeprefix("docs/"))
