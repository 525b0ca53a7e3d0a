"""The page in a real browser: it opens alone, fits narrow and wide screens, and reads in light and dark."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.base.layout import Layout

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WIDTHS = (400, 1400)
SCHEMES = ("light", "dark")
READABLE = 4.5  # contrast of text by WCAG 2.2, 1.4.3
TALL_PX = 900

# Of every text that is seen: the contrast of its colour and the first opaque background behind it, as WCAG computes it.
CONTRASTS = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((one) => one / 255)
    .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.getClientRects().length || element.closest('title')) continue;
    const style = getComputedStyle(element);
    const ink = element.closest('svg') ? style.fill : style.color;
    const [a, b] = [light(parse(ink)), light(behind(element))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), text]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium of this machine; without one these tests are skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser is installed: looked for {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


class Opened:
    """The page in a window, and what the browser complained of."""

    def __init__(self, browser: Any, path: Path, width: int, scheme: str) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": TALL_PX}, color_scheme=scheme)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url[:80]}"))
        self.page.on("dialog", lambda dialog: (self.complaints.append("a dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.resolve().as_uri(), wait_until="load")


@pytest.fixture(
    params=[(width, scheme) for width in WIDTHS for scheme in SCHEMES], ids=lambda param: f"{param[0]}-{param[1]}"
)
def opened(browser: Any, whole_run: Layout, request: pytest.FixtureRequest) -> Iterator[Opened]:
    found = Opened(browser, whole_run.report, *request.param)
    yield found
    found.page.close()


def test_the_page_opens_alone_and_fits_and_reads(opened: Opened, whole_run: Layout) -> None:
    page = opened.page
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [whole_run.report.resolve().as_uri()]
    assert page.evaluate("[...document.images].filter((one) => !one.naturalWidth).length") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 100
    assert [text for contrast, text in contrasts if contrast < READABLE] == []


def test_the_sound_plays(browser: Any, whole_run: Layout) -> None:
    page = Opened(browser, whole_run.report, WIDTHS[1], SCHEMES[0]).page
    page.wait_for_function("[...document.querySelectorAll('audio')].every((one) => one.readyState > 0)")
    assert page.evaluate("[...document.querySelectorAll('audio')].map((one) => one.duration)") == [1.0]
    page.close()


def test_notes_unfold_and_the_page_still_fits(browser: Any, whole_run: Layout) -> None:
    page = Opened(browser, whole_run.report, WIDTHS[0], SCHEMES[0]).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    for summary in page.locator("summary").all():
        summary.focus()
        page.keyboard.press("Enter")
    assert page.evaluate("[...document.querySelectorAll('details')].every((one) => one.open)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_every_box_that_scrolls_can_be_reached_by_keyboard_and_has_a_name(browser: Any, whole_run: Layout) -> None:
    page = Opened(browser, whole_run.report, WIDTHS[0], SCHEMES[0]).page
    wide = "[...document.querySelectorAll('main *')].filter((one) => one.scrollWidth > one.clientWidth + 1"
    scrolling = f"{wide} && getComputedStyle(one).overflowX === 'auto')"
    assert page.evaluate(f"{scrolling}.length") > 0
    assert page.evaluate(f"{scrolling}.every((one) => one.tabIndex === 0 && one.getAttribute('aria-label'))")
    page.close()


def test_an_element_smuggled_into_the_page_does_not_run(browser: Any, whole_run: Layout, tmp_path: Path) -> None:
    page = whole_run.report.read_text(encoding="utf-8")
    smuggled = tmp_path / "smuggled.html"
    smuggled.write_text(page.replace("</main>", "<script>document.title = 'taken'</script></main>"), encoding="utf-8")
    opened = Opened(browser, smuggled, WIDTHS[0], SCHEMES[0])
    assert opened.page.title().startswith("facevox report")
    assert any("Content Security Policy" in complaint for complaint in opened.complaints)
    opened.page.close()
