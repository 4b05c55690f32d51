"""The page in Chromium: it fits every width, works by keyboard, shows pictures and asks for nothing."""

from __future__ import annotations

import pytest

from tellapart.evaluation import Predictions, confusion_matrix
from tellapart.report import write_report

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(browser):
    """A function that opens a run's page; everything that the page complains of or asks for fails the test."""
    contexts, complaints = [], []

    def open_page(run, *, width=1280, scheme="light", script=True, at=""):
        context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, java_script_enabled=script
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: complaints.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
        page.goto((run.path / "report.html").as_uri() + at)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def wait_until_drawn(page, selector):
    """Wait for one of some pictures to be drawn; the page's own rules forbid Playwright's wait_for_function."""
    drawn = f"[...document.querySelectorAll({selector!r})].some(image => image.naturalWidth > 0)"
    for _ in range(100):
        if page.evaluate(drawn):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"no picture of {selector} was drawn")


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
@pytest.mark.parametrize("kind", ["digits_run", "large_run"])
def test_the_page_never_scrolls_sideways(opened, request, kind, width):
    page = opened(request.getfixturevalue(kind), width=width)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_pictures_are_drawn_when_they_come_into_sight(opened, large_run):
    page = opened(large_run)
    loaded = "document.querySelectorAll('img[data-picture][src]').length"
    assert page.evaluate(loaded) == 0
    page.locator("#mistakes").scroll_into_view_if_needed()
    page.wait_for_selector("#mistakes-gallery img[src]")
    wait_until_drawn(page, "#mistakes-gallery img[src]")
    assert page.evaluate(loaded) < 100


def test_a_page_that_is_opened_at_its_mistakes_draws_them(opened, large_run):
    page = opened(large_run, at="#mistakes")
    wait_until_drawn(page, "#mistakes-gallery img[src]")
    page.wait_for_timeout(300)
    assert page.locator("#mistakes-gallery .card .blank:visible").count() == 0


def test_a_picture_that_is_not_kept_has_its_name(opened, digits_copy):
    (digits_copy.path / "thumbnails.npz").unlink()
    write_report(digits_copy)
    page = opened(digits_copy, at="#mistakes")
    blank = page.locator("#mistakes-gallery .card .blank").first
    blank.wait_for(state="visible")
    assert blank.inner_text().startswith("no picture kept: ")
    assert blank.get_attribute("title") in blank.inner_text()


def test_a_cell_opens_its_pictures_by_mouse_and_by_keyboard(opened, digits_run):
    page = opened(digits_run)
    cell = page.locator("#matrix .cell:not(.hit)").first
    label = cell.get_attribute("aria-label")
    count = int(label.split(": ")[1].split(" of ")[0])
    cell.click()
    dialog = page.locator("#pictures-of")
    assert dialog.is_visible()
    assert dialog.locator(".card").count() == count
    page.keyboard.press("Escape")
    assert not dialog.is_visible()

    page.locator("#matrix .cell[tabindex='0']").focus()
    before = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") != before
    page.keyboard.press("Enter")
    assert dialog.is_visible()
    assert page.evaluate("document.activeElement.closest('dialog') !== null")


def test_the_matrix_can_be_ordered_and_shows_mistakes_alone(opened, digits_run):
    page = opened(digits_run)
    everything = page.locator("#matrix .cell").count()
    right = page.locator("#matrix .cell.hit").count()
    page.locator("#matrix-mistakes").check()
    assert page.locator("#matrix .cell").count() == everything - right
    rows = {}
    for order in ("worst", "confused", "given"):
        page.locator("#matrix-order").select_option(order)
        rows[order] = page.locator("#matrix .rows span").all_inner_texts()
    said = Predictions.load(digits_run.path / "predictions" / "test.npz")
    assert rows["given"] == list(said.class_names)
    assert sorted(rows["worst"]) == sorted(rows["confused"]) == sorted(rows["given"])
    recalls = {
        row.locator("th").inner_text(): float(row.locator("td").nth(1).get_attribute("data-sort"))
        for row in page.locator("#class-table tbody tr").all()
    }
    assert [recalls[name] for name in rows["worst"]] == sorted(recalls.values())
    first = said.class_names.index(rows["confused"][0])
    assert recalls[said.class_names[first]] == min(recalls.values())
    assert rows["confused"] == [said.class_names[k] for k in side_by_side(confusion_matrix(said), first)]


def side_by_side(confusion, first):
    """Return the classes from one on, always to that which the last two are confused with most, the last four times."""
    both, out, left = confusion + confusion.T, [first], [k for k in range(len(confusion)) if k != first]
    while left:
        near = 4 * both[out[-1], left] + (both[out[-2], left] if len(out) > 1 else 0)
        out.append(left.pop(int(near.argmax())))
    return out


def test_mistakes_are_filtered_by_class_and_come_a_page_at_a_time(opened, large_run):
    page = opened(large_run)
    assert page.locator("#mistakes-gallery .card").count() == 48
    page.locator("#mistakes-more").click()
    assert page.locator("#mistakes-gallery .card").count() == 96
    name = "class number 6"
    value = page.locator("#mistakes-class option", has_text=f"{name}\u2069 (").first.get_attribute("value")
    page.locator("#mistakes-class").select_option(value)
    assert page.locator("#mistakes-gallery .card").count() > 0
    for card in page.locator("#mistakes-gallery .card").all()[:10]:
        assert name in card.locator(".name").all_inner_texts()[0] + card.locator(".name").all_inner_texts()[1]


def test_the_table_of_classes_sorts(opened, digits_run):
    page = opened(digits_run)
    rows = lambda: page.locator("#class-table tbody td:nth-child(2)").all_inner_texts()  # noqa: E731
    page.locator("#class-table th button", has_text="pictures").click()
    assert rows() == sorted(rows(), key=int, reverse=True)
    page.locator("#class-table th button", has_text="pictures").click()
    assert rows() == sorted(rows(), key=int)
    assert page.locator("#class-table th[aria-sort]").count() == 1


def test_everything_that_can_be_pressed_has_a_name_and_every_picture_a_text(opened, digits_run):
    page = opened(digits_run)
    nameless = """[...document.querySelectorAll('button, select, input, a, svg[role=img], [role=region], [role=group]')]
      .filter(e => !e.closest('[hidden], dialog') && !(e.getAttribute('aria-label') || e.textContent.trim()
        || (e.labels && e.labels.length))).length"""
    assert page.evaluate(nameless) == 0
    assert page.evaluate("[...document.querySelectorAll('img:not([alt])')].length") == 0
    assert page.evaluate("document.querySelectorAll('h1').length") == 1


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (c) => { canvas.clearRect(0,0,1,1); canvas.fillStyle = c; canvas.fillRect(0,0,1,1);
    const d = canvas.getImageData(0,0,1,1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const over = (a, b) => [0,1,2].map(i => a[i] * a[3] + b[i] * (1 - a[3]));
  const linear = (v) => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = (c) => .2126 * linear(c[0]) + .7152 * linear(c[1]) + .0722 * linear(c[2]);
  const ground = (e) => { const layers = [];
    for (let n = e; n; n = n.parentElement) layers.push(rgba(getComputedStyle(n).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255,255,255]); };
  const found = [];
  for (const e of document.querySelectorAll('main *, nav *, footer *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (e.closest('svg, .sr, noscript') || !e.checkVisibility()) continue;
    const below = ground(e), ink = over(rgba(getComputedStyle(e).color), below), [a, b] = [light(ink), light(below)];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) found.push(`${e.className || e.tagName} ${e.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(opened, digits_run, scheme):
    assert opened(digits_run, scheme=scheme).evaluate(CONTRAST) == []


def test_dark_and_light_differ(opened, digits_run):
    ground = "getComputedStyle(document.body).backgroundColor"
    assert opened(digits_run).evaluate(ground) != opened(digits_run, scheme="dark").evaluate(ground)


def test_it_prints_without_its_controls(opened, digits_run):
    page = opened(digits_run, scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator("nav.contents").is_visible()
    assert page.locator("#matrix .cell").first.is_visible()
    assert len(page.pdf()) > 20_000


def test_a_printed_page_says_what_it_shows(opened, large_run):
    page = opened(large_run)
    page.emulate_media(media="print")
    said = lambda: " ".join(page.locator("p:has(#mistakes-count)").text_content().split())  # noqa: E731
    assert said().startswith("test pictures, all classes: ")
    assert said().endswith(", the first 48 of them here")
    for part in ("mistakes-of", "mistakes-count", "mistakes-shown", "matrix-shown"):
        assert page.locator(f"#{part}").is_visible()
    assert page.locator("#matrix-shown").text_content() == "test pictures; order: as given"

    page.emulate_media(media="screen")
    assert page.locator(".printed:visible").count() == 0
    page.locator("#mistakes-more").click()
    assert said().endswith(", the first 96 of them here")
    name = "class number 6"
    value = page.locator("#mistakes-class option", has_text=f"{name}\u2069 (").first.get_attribute("value")
    page.locator("#mistakes-class").select_option(value)
    count = page.locator("#mistakes-count").inner_text()
    assert said().startswith(f"test pictures, class {name}: {count}")
    page.locator("#matrix-order").select_option("worst")
    page.locator("#matrix-mistakes").check()
    shown = "test pictures; order: least recognised first; mistakes only"
    assert page.locator("#matrix-shown").text_content() == shown


def test_the_words_and_tables_stand_without_scripts(opened, digits_run):
    page = opened(digits_run, script=False)
    assert page.locator("#summary .passage").count() >= 5
    assert page.locator("#class-table tbody tr").count() == 10


def test_a_mistake_shows_its_nearest_training_pictures(opened, digits_run):
    page = opened(digits_run)
    card = page.locator("#mistakes-gallery .card").first
    card.scroll_into_view_if_needed()
    near = card.locator(".near li")
    assert near.count() == 4
    assert "training picture" in near.first.get_attribute("title")
    assert len(card.locator(".suggests").inner_text()) > 20
    wait_until_drawn(page, "#mistakes-gallery .near img")


def test_labels_that_may_be_wrong_show_their_pictures(opened, digits_run):
    page = opened(digits_run)
    page.locator("#labels").scroll_into_view_if_needed()
    assert page.locator(".suspects > li").count() > 10
    wait_until_drawn(page, ".suspects .evidence img")


def test_the_whole_path_of_a_picture_is_there_by_touch_and_keyboard(opened, large_run):
    page = opened(large_run, width=390)
    files = page.locator("#mistakes-gallery .card .file")
    first, folder = files.first, files.first.locator(".folder")
    whole = first.get_attribute("title")
    assert first.text_content() == whole
    assert whole.count("/") == 2
    assert folder.bounding_box()["width"] <= 1
    first.click()
    assert folder.bounding_box()["width"] > 20
    assert first.evaluate("e => { getSelection().selectAllChildren(e); return String(getSelection()); }") == whole
    assert first.evaluate("e => e.scrollHeight - e.clientHeight") <= 0, "nothing of it is cut off"
    page.keyboard.press("Tab")
    assert folder.bounding_box()["width"] <= 1
    assert page.evaluate("document.activeElement.title") == files.nth(1).get_attribute("title")
    assert files.nth(1).locator(".folder").bounding_box()["width"] > 20
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_a_picture_that_is_not_kept_among_others_has_its_name_by_keyboard(opened, digits_copy):
    (digits_copy.path / "thumbnails.npz").unlink()
    write_report(digits_copy)
    blank = opened(digits_copy, at="#confusion").locator(".pairs .blank").first
    blank.scroll_into_view_if_needed()
    blank.wait_for(state="visible")
    blank.focus()
    assert blank.evaluate("e => e === document.activeElement && e.scrollHeight <= e.clientHeight")


def test_the_dialog_closes_only_where_one_presses_and_lets_go_beside_it(opened, large_run):
    page = opened(large_run)
    page.locator("#matrix .cell.hit").first.click()
    dialog = page.locator("#pictures-of")
    box = dialog.bounding_box()
    inside, outside = (box["x"] + 6, box["y"] + 6), (4, 4)

    def drag(start, end):
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end)
        page.mouse.up()

    for start, end in ((inside, inside), (inside, outside), (outside, inside)):
        drag(start, end)
        assert dialog.is_visible()
    drag(outside, outside)
    assert not dialog.is_visible()
    page.locator("#matrix .cell.hit").first.press("Enter")
    assert dialog.is_visible()
    dialog.locator(".more").press("Enter")
    assert dialog.is_visible()
    assert dialog.locator(".card").count() > 60
    dialog.locator(".close").click()
    assert not dialog.is_visible()


def test_marked_classes_are_told_without_colours_of_the_page_s_own(opened, digits_copy):
    write_report(digits_copy, classes_below=1)
    page = opened(digits_copy, width=360)
    page.emulate_media(forced_colors="active")
    heading = page.locator("#class-table tr.hard th").first
    edge = "e => { const s = getComputedStyle(e); return [s.borderInlineStartStyle, s.borderInlineStartWidth]; }"
    assert heading.evaluate(edge) == ["solid", "4px"]
    assert heading.text_content().endswith(", marked")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
