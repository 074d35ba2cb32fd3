"""Looking at a page as everybody meets it: with axe-core, in both themes, and on a phone.

Knows how a state is looked at, and nothing of the states. Controls are found by the keys of their
words, so that the same steps reach a state in every language.
"""

import json
from functools import cache
from typing import Any

from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.running import ROOT, RunningServer

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
WIDE = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
SOON = 20_000  # milliseconds
WRONG = ("critical", "serious", "moderate")
RULES = """(contrastOnly) => {
const points = [0.1, 0.5, 0.9].flatMap((across) => [0.1, 0.5, 0.9].map((down) => [across, down]));
const above = (one) => {
    const {left, top, width, height} = one.getBoundingClientRect();
    return points.map(([across, down]) =>
        document.elementFromPoint(left + width * across, top + height * down));
};
const covered = (one) => above(one).some((other) =>
    other?.closest(".react-flow__node") !== one.closest(".react-flow__node"));
const whole = (one) => Math.min(one.offsetWidth, one.offsetHeight) >= 24
    && above(one).every((other) => one.contains(other));
return axe.run(document, {
    resultTypes: ["violations"],
    elementRef: true,
    runOnly: contrastOnly
        ? {type: "rule", values: ["color-contrast"]}
        : {type: "tag", values: [
            "wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    ...(contrastOnly ? {} : {rules: {"target-size": {enabled: true}}}),
}).then(({violations}) => violations.flatMap(({id, impact, nodes}) => nodes
    // On a board that is zoomed out everything is smaller, and one zoom away from its size; what
    // its map or a note that was put there covers is one move away.
    .filter(({element: one}) => !(id === "target-size" && one.closest(".react-flow__viewport")
        && (one.getBoundingClientRect().width < 0.99 * one.offsetWidth || covered(one))))
    // Nor does a node that lies outside its board cover what is there: the board cuts it off.
    .filter(({element: one}) => !(id === "target-size" && whole(one)))
    .slice(0, 4).map(({html}) => ({id, impact, html}))));
}"""
THEMED = "(theme) => document.documentElement.setAttribute('data-mantine-color-scheme', theme)"
# Two frames, or as long as a browser that paints nothing may let one wait for them.
FRAMES = """() => new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(done));
    setTimeout(done, 2_000);
})"""
# What may be pressed or filled must lie in the window, or in something that scrolls to it.
# A board that is panned is no page: WCAG 1.4.10 leaves out what needs two dimensions.
CLIPPED = """() => {
    const controls = "a[href], button, input:not([type=hidden]), select, textarea, [tabindex='0']";
    const apart = ".react-flow__pane, .react-flow__viewport, .skip, .hidden, [aria-hidden=true]";
    const cut = [];
    for (const one of document.querySelectorAll(controls)) {
        if (!one.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
        if (one.closest(apart)) continue;
        const box = one.getBoundingClientRect();
        if (box.width < 2 || box.height < 2) continue;
        let [from, to, scrolls] = [0, innerWidth, false];
        for (let up = one.parentElement; up && !scrolls; up = up.parentElement) {
            const {overflowX, display} = getComputedStyle(up);
            if (overflowX === "visible" || display === "contents") continue;
            scrolls = ["auto", "scroll"].includes(overflowX) && up.scrollWidth > up.clientWidth + 1;
            const edge = up.getBoundingClientRect();
            [from, to] = [Math.max(from, edge.left), Math.min(to, edge.right)];
        }
        const whole = scrolls || (box.left >= from - 1 && box.right <= to + 1);
        if (!whole) cut.push(one.outerHTML.slice(0, 160));
    }
    const wide = [document.documentElement, document.querySelector("main")]
        .filter((one) => one.scrollWidth > one.clientWidth + 1)
        .map((one) => `${one.tagName} scrolls sideways by ${one.scrollWidth - one.clientWidth}`);
    return [...wide, ...cut];
}"""


# Words that were to be read whole: what people named or wrote may end in an ellipsis.
CUT = """() => {
    const said = "main button, main label, main h1, main h2, main a, nav a, [role=tab], th";
    const cut = [];
    for (const one of document.querySelectorAll(said)) {
        if (!one.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
        for (const part of [one, ...one.querySelectorAll("*")]) {
            const texts = [...part.childNodes].filter(({nodeType}) => nodeType === 3);
            const own = texts.some((text) => text.data.trim());
            if (!own || part.closest("bdi, .hidden, [aria-hidden=true], svg")) continue;
            if (part.clientWidth < 2) continue; // said to who hears the page alone
            if (getComputedStyle(part).overflowX === "visible") continue;
            if (part.scrollWidth > part.clientWidth + 1) cut.push(`cut off: ${part.textContent}`);
        }
    }
    return cut;
}"""


@cache
def table(language: str) -> dict[str, str]:
    """Read the words of a language."""
    words: dict[str, str] = json.loads((ROOT / "i18n" / f"{language}.json").read_text("utf-8"))
    return words


class Visit:
    """A visit to a server in one language; what keeps people out is gathered in ``wrong``."""

    def __init__(self, browser: Browser, server: RunningServer, language: str = "en") -> None:
        context = browser.new_context(viewport=WIDE, locale="en-US", reduced_motion="reduce")
        context.add_init_script(path=AXE)
        self.page: Page = context.new_page()
        self.page.set_default_timeout(SOON)
        self.server = server
        self.language = language
        self._found: dict[str, str] = {}
        self.prefer()

    def __enter__(self) -> "Visit":
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self.page.context.close()

    @property
    def wrong(self) -> list[str]:
        """Tell what was found, and where it was met first."""
        return [f"{state}: {one}" for one, state in self._found.items()]

    def say(self, key: str, **params: object) -> str:
        """Give the words of a key."""
        words = table(self.language)[key]
        for name, value in params.items():
            words = words.replace(f"{{{name}}}", str(value))
        return words

    def prefer(self, **preferences: object) -> None:
        """Let the browser begin with preferences, at the next load of the page."""
        held = json.dumps({"theme": "dark", "language": self.language, **preferences})
        self.page.add_init_script(
            f"localStorage.setItem('heliograph.preferences', {json.dumps(held)})"
        )

    def go(self, place: str) -> None:
        """Show a page, and wait until it has what it shows."""
        self.page.goto(f"{self.server.url}/#/{place}")
        expect(self.page.locator("main > *").first).to_be_attached(timeout=SOON)
        self.arrived()

    def arrived(self) -> None:
        """Wait until nothing that is shown is still being fetched."""
        expect(self.page.locator("main [aria-busy=true]")).to_have_count(0, timeout=SOON)

    def button(self, key: str, **params: object) -> Locator:
        """Find a button by its words."""
        return self.page.get_by_role("button", name=self.say(key, **params), exact=True)

    def dialog(self) -> Locator:
        """Find what lies on top."""
        return self.page.get_by_role("dialog")

    def look(self, state: str) -> None:
        """Look at what is shown: in the dark, by daylight, on a phone.

        What a theme changes is contrast, and a language that is read from the right changes
        where things lie, so each is looked at for that alone.
        """
        self.page.evaluate(FRAMES)
        self._axe(f"{state}, dark", "everything")
        if self.language == "en":
            self.page.evaluate(THEMED, "light")
            self._axe(f"{state}, light", "contrast")
            self.page.evaluate(THEMED, "dark")
        self.page.set_viewport_size(PHONE)
        self.page.evaluate(FRAMES)
        if self.language == "en":
            self._axe(f"{state}, phone", "everything")
        self._add(f"{state}, phone", self.page.evaluate(CLIPPED))
        self.page.set_viewport_size(WIDE)

    def fit(self, size: ViewportSize) -> list[str]:
        """Look only whether there is room for all words and controls, and tell what has none."""
        self.page.set_viewport_size(size)
        self.page.evaluate(FRAMES)
        return [*self.page.evaluate(CLIPPED), *self.page.evaluate(CUT)]

    def look_on_top(self, state: str) -> None:
        """Look at a dialog, and leave it with Escape."""
        expect(self.dialog()).to_be_visible()
        self.look(state)
        self.page.keyboard.press("Escape")
        expect(self.dialog()).to_have_count(0)

    def _axe(self, state: str, what: str) -> None:
        found: Any = self.page.evaluate(RULES, what == "contrast")
        self._add(
            state,
            [
                f"{one['id']} ({one['impact']}): {one['html'][:200]}"
                for one in found
                if one["impact"] in WRONG
            ],
        )

    def _add(self, state: str, found: list[str]) -> None:
        """Keep each thing once, with the first state that has it."""
        for one in found:
            self._found.setdefault(one, state)
