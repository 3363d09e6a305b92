"""A real browser for pages that do something."""

import shutil

import pytest


@pytest.fixture(scope="session")
def chromium():
    """Chromium without a window; the test is skipped where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """A function that opens a page and gives it with what its scripts complained of."""
    pages = []

    def open_page(path, width=1280):
        page = chromium.new_page(viewport={"width": width, "height": 900})
        pages.append(page)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda said: page.complaints.append(said.text))
        page.on("requestfailed", lambda request: page.complaints.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for page in pages:
        page.close()
