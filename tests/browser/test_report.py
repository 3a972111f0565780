"""The HTML report of a class in Chromium: reading, sorting, keys, themes, five hundred students.

Skipped, and said to be, where there is no Chromium: apt-get install chromium
"""

import shutil
import time

import msgspec
import pytest
from samples import EVIDENCE, check, report

from aisys_cli.report.html import class_html
from aisys_cli.report.html.model import lab_page, student

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium: apt-get install chromium")
HOSTILE = "<img src=x onerror=\"document.title='forged'\"><script>document.title='forged'</script>"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        opened = started.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


def class_of(count):
    """Three kinds of students, and hostile text in all places."""
    students = []
    for n in range(count):
        evidence = msgspec.structs.replace(EVIDENCE, input=f"neg({n % 7}.0)", got=HOSTILE)
        checks = [
            check("fail" if n * k % 5 % 3 else "pass", f"1.{k}", evidence=evidence, output=HOSTILE)
            for k in range(1, 13)
        ]
        checks = [c if c.verdict == "fail" else msgspec.structs.replace(c, evidence=None)
                  for c in checks]  # fmt: skip
        made = report(*checks, submission=f"s{n:03}", notes=(HOSTILE,))
        students.append(
            student(
                made.submission, made, anchor=f"l1-s{n}", language="en", name="Li <b>Ming</b>",
                score=made.score, max_score=24, sources={"small.py": HOSTILE.encode() * 20},
            )
        )  # fmt: skip
    lab = lab_page("small", "Numbers", 24, students, anchor="l1")
    return "".join(class_html("A course", [lab], language="en"))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "class.html"
    path.write_text(class_of(30), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def open_page(browser, file):
    opened = []

    def go(hash="", *, url=file, **options):
        page = browser.new_page(**options)
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(url + hash)
        opened.append(page)
        return page

    yield go
    for page in opened:
        page.close()


def test_it_opens_from_disk_without_a_word_and_without_a_network(open_page, file):
    page = open_page()
    assert page.title() == "A course"
    assert page.said == []
    assert page.asked == [file]


def test_what_a_student_has_printed_is_text(open_page):
    page = open_page("#l1-s2-1.2")
    page.wait_for_timeout(200)
    assert page.title() == "A course"
    assert page.locator("img").count() == 0
    assert "onerror" in page.locator("#l1-s2-1\\.2").inner_text()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out(open_page, width):
    page = open_page(viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_link_to_a_students_lines_opens_them(open_page):
    page = open_page()
    link = page.locator("h3:has-text('Misconceptions') ~ details a").first
    target = link.get_attribute("href")
    link.click()
    page.wait_for_timeout(200)
    assert page.url.endswith(target)
    assert page.locator(f"[id='{target[1:]}']").is_visible()


def test_columns_are_sorted_by_keys_alone(open_page):
    page = open_page()
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Score":
            break
    else:
        pytest.fail("no Tab reaches the buttons")
    scores = "[...document.querySelectorAll('td[data-key]')].map(cell => +cell.dataset.key)"
    page.keyboard.press("Enter")
    up = page.evaluate(scores)
    assert up == sorted(up)
    assert len(set(up)) > 1
    page.keyboard.press("Enter")
    assert page.evaluate(scores) == sorted(up, reverse=True)
    assert page.locator("th[aria-sort=descending]").count() == 1


def test_light_and_dark_are_not_the_same(open_page):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = open_page(color_scheme="light").evaluate(ground)
    dark = open_page(color_scheme="dark").evaluate(ground)
    assert light == "rgb(255, 255, 255)"
    assert dark != light


def test_without_scripts_everything_can_be_read(browser, file):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file)
    assert page.locator(".student").count() == 30
    page.locator("summary:has-text('did not pass')").first.click()
    assert page.locator(".failure pre").first.is_visible()
    context.close()


def test_five_hundred_students_can_be_gone_to(open_page, tmp_path):
    path = tmp_path / "many.html"
    path.write_text(class_of(500), encoding="utf-8")
    start = time.monotonic()
    page = open_page("#l1-s499-1.1", url=path.as_uri())
    page.wait_for_timeout(100)
    print(f"{path.stat().st_size >> 20} MiB, {time.monotonic() - start:.1f} s")
    assert page.locator(".student").count() == 500
    assert page.locator("#l1-s499").is_visible()
