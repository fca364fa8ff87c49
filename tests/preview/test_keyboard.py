"""The pages without a pointer: Tab reaches everything, in the order in which it is read, and leaves again."""

import pytest

from tests.preview.addresses import PAGES

REACHABLE = """
() => {
  const wanted = 'a[href], button:not([disabled]), input:not([type=hidden]):not([disabled]), '
    + 'select:not([disabled]), textarea:not([disabled]), summary, iframe, [tabindex="0"]';
  const seen = [...document.querySelectorAll(wanted)].filter(
    one => one.tabIndex >= 0 && one.checkVisibility({ visibilityProperty: true }));
  const groups = new Set();
  window.wanted = seen.filter(one => {  // of radio buttons of one name Tab stops at one
    if (one.type !== 'radio') return true;
    return groups.has(one.name) ? false : groups.add(one.name);
  });
  return window.wanted.length;
}
"""
AT_REST = """
() => !document.querySelector('.spinner.on, .htmx-request, .htmx-swapping, .htmx-settling')
  && [...document.querySelectorAll('[hx-trigger="load"]')].every(
    one => one['htmx-internal-data']?.loaded)
"""
"""What the page fetches by itself once it is there has come, too."""
FOCUSED = """
() => {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return null;
  const box = at.getBoundingClientRect();
  const marked = one => {
    const style = getComputedStyle(one);
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 || style.boxShadow !== 'none';
  };
  const around = [at, at.closest('.proof')?.querySelector('.proof-window')].filter(Boolean);
  return {
    place: window.wanted.findIndex(
      one => one === at || one.type === 'radio' && one.type === at.type && one.name === at.name),
    inside: at.tagName === 'IFRAME',
    marked: at.tagName === 'IFRAME' || around.some(marked),
    seen: box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
    what: at.outerHTML.slice(0, 120),
  };
}
"""


def walk(page, key="Tab"):
    """What has the focus after each press of the key, until it has left the page."""
    steps = []
    for _ in range(3 * page.evaluate(REACHABLE) + 150):
        page.keyboard.press(key)
        at = page.evaluate(FOCUSED)
        if at is None:
            return steps
        if not at["marked"]:  # no element of a page that does not have the focus yet matches :focus
            page.wait_for_function("() => document.hasFocus()")
            page.wait_for_timeout(500)
            at = page.evaluate(FOCUSED)
        steps.append(at)
    raise AssertionError(f"the focus does not leave the page: {steps[-3:]}")


@pytest.mark.parametrize("name", PAGES)
def test_tab_reaches_everything_in_order_and_is_always_seen(window, name):
    opened = window()
    page = opened.open(PAGES[name])
    page.wait_for_load_state("load")
    page.wait_for_function(AT_REST, timeout=60_000)
    page.bring_to_front()
    steps = walk(page)
    count = page.evaluate("window.wanted.length")
    places = [step["place"] for step in steps if step["place"] >= 0]
    assert places == sorted(places), "not in the order of the page"
    missed = sorted(set(range(count)) - set(places))
    assert not missed, page.evaluate("n => window.wanted[n].outerHTML.slice(0, 200)", missed[0])
    assert [step["what"] for step in steps if not step["marked"]] == []
    assert [step["what"] for step in steps if not step["seen"]] == []
    opened.expect_refusals()


def test_the_focus_leaves_a_page_backwards_too(window):
    page = window().open(PAGES["mail"])
    page.wait_for_selector("iframe[data-dressed]")
    page.evaluate(REACHABLE)
    page.locator("a, button").last.focus()
    assert walk(page, "Shift+Tab")[-1]["place"] == 0
