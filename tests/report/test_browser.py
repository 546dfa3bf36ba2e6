"""The HTML report in headless Chromium: whatever the report says is drawn, and nothing runs over.

A script that is put into a copy of the page measures it and leaves what it found in the
dumped document; the copy is in a frame, because a window has a least width of 500 pixels. Without Chromium this is skipped, and fails where CI or SQZ_REQUIRE_BROWSER is set.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sqz_hw.report.write import to_html

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = (375, 1400)
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
MEASURE = """
const boxes = (q) => [...document.querySelectorAll(q)].map((e) => e.getBoundingClientRect());
const visible = (e) => e.getClientRects().length > 0;
const text = (e) => e.textContent.replace(/\\s+/g, " ").trim();
document.querySelectorAll("details").forEach((d) => { d.open = true; });
window.parent.document.documentElement.setAttribute("data-measured", JSON.stringify({
  width: window.innerWidth,
  page: document.documentElement.scrollWidth,
  dark: matchMedia("(prefers-color-scheme: dark)").matches,
  background: getComputedStyle(document.body).backgroundColor,
  headings: [...document.querySelectorAll("h1, h2, h3")].filter(visible).map(text),
  rows: [...document.querySelectorAll("tbody tr")].filter(visible).map((r) => [...r.children].map(text)),
  unscoped: [...document.querySelectorAll("th")].filter((e) => !e.scope).length,
  flat: [...document.querySelectorAll("svg")].filter((e) => {
    const b = e.getBoundingClientRect(); return b.width < 1 || b.height < 1; }).length,
  svgs: document.querySelectorAll("svg").length,
  untitled: [...document.querySelectorAll("svg")].filter(
    (e) => !e.getAttribute("aria-hidden") && !e.querySelector("title")).length,
  outside: boxes("section, header, .heads div, .row, .bar, .tiles li").filter(
    (b) => b.left < -0.5 || b.right > window.innerWidth + 0.5).length,
  cut: [...document.querySelectorAll(".tiles svg")].flatMap((s) => [...s.querySelectorAll("text")].filter((e) => {
    const t = e.getBoundingClientRect(), b = s.getBoundingClientRect();
    return t.left < b.left - 1 || t.right > b.right + 1; }).map(text)),
  wide: [...document.querySelectorAll(".tiles .box")].filter((r) => {
    const b = r.getBoundingClientRect();
    return [...r.parentNode.querySelectorAll("text.mid")].some((t) => {
      const c = t.getBoundingClientRect(), middle = (c.top + c.bottom) / 2;
      return c.left < b.right && c.right > b.left && middle > b.top && middle < b.bottom
        && (c.left < b.left || c.right > b.right); }); }).length,
  loaded: performance.getEntriesByType("resource").map((e) => e.name),
}));
"""


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        reason = f"none of {', '.join(NAMES)} is installed"
        if os.environ.get("CI") or os.environ.get("SQZ_REQUIRE_BROWSER"):
            pytest.fail(f"{reason}; install Debian's package chromium")
        pytest.skip(reason)
    return found


def _run(browser: str, folder: Path, page: Path, *options: str) -> str:
    done = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            f"--user-data-dir={folder / 'profile'}", *options, page.as_uri(),
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


def _framed(text: str, width: int, key: str) -> str:
    """A frame of that width with a measured copy of the page; its findings go to ``data-<key>``."""
    assert len(POLICY.findall(text)) == 1
    script = MEASURE.replace("data-measured", f"data-{key}")
    inside = html.escape(POLICY.sub("", text).replace("</body>", f"<script>{script}</script></body>"))
    return f'<iframe srcdoc="{inside}" style="width: {width}px; height: 900px; border: 0"></iframe>'


def _measured(browser: str, folder: Path, frames: list[str], *options: str) -> dict[str, dict]:
    page = folder / "measured.html"
    page.write_text(f'<!doctype html><meta charset="utf-8">{"".join(frames)}', "utf-8")
    dumped = _run(browser, folder, page, "--window-size=1600,1000", "--dump-dom", *options)
    found = re.findall(r'data-(m\d+)="([^"]*)"', dumped)
    return {key: json.loads(html.unescape(value)) for key, value in found}


@pytest.fixture(scope="module")
def seen(browser, variants, tmp_path_factory) -> dict[tuple[str, int], dict]:
    """What the browser saw of every variant at every width."""
    cases = [(name, width) for name in variants for width in WIDTHS]
    pages = {name: to_html(report.to_dict()) for name, report in variants.items()}
    frames = [_framed(pages[name], width, f"m{i}") for i, (name, width) in enumerate(cases)]
    found = _measured(browser, tmp_path_factory.mktemp("frames"), frames)
    return {case: found[f"m{i}"] for i, case in enumerate(cases)}


def _cells(text: str) -> list[list[str]]:
    """Cells of every table row in the HTML text, as a browser shows them."""
    found = []
    for body in re.findall(r"<tbody>(.*?)</tbody>", text, re.DOTALL):
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL):
            cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
            found.append([" ".join(html.unescape(re.sub(r"<[^>]*>", "", cell)).split()) for cell in cells])
    return found


HEADINGS = (
    "Resources estimate of what csynth reports, by Vitis HLS 2024.2",
    "Resources estimate of what vivado reports, by Vitis HLS 2024.2",
    "Resources csynth, by Vitis HLS 2023.2",
    "Resources vivado, by Vivado 2023.2",
    "Estimate and measurement",
    "Notes",
    "Speed",
    "What limits the speed estimate",
    "Pipeline: the first image, layer by layer estimate",
    "Memory map estimate",
    "Memory budget: which parts hold this model",
    "Every part: does the model fit, how fast, what is short",
    "Network counted in the design",
    "Verification compared",
    "Float, QKeras and hardware",
    "Zeros cycles: estimate",
    "Layers cycles: estimate",
    "LUT by what it is for estimate of what vivado reports",
    "FF by what it is for estimate of what vivado reports",
    "BRAM18 by what it is for estimate of what vivado reports",
    "FIFOs sizes: counted",
    "Model counted",
)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_section_is_drawn(seen, variants, width):
    report = variants["rich"].to_dict()
    found = seen["rich", width]
    for heading in HEADINGS:
        assert any(shown.startswith(heading) for shown in found["headings"]), heading
    assert found["svgs"] == to_html(report).count("<svg ") > 100
    assert found["cut"] == []
    assert found["wide"] == 0
    first = [row[0] for row in found["rows"]]
    for layer in report["network"]:
        assert first.count(layer["name"]) >= 3, layer["name"]
    for stream in report["fifos"]["streams"]:
        assert stream["name"] in first


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_missing_and_nothing_runs_over(seen, variants, width):
    for name, report in variants.items():
        found = seen[name, width]
        assert found["width"] == width
        assert found["page"] <= width, name
        assert found["outside"] == 0, name
        assert found["rows"] == _cells(to_html(report.to_dict())), name
        assert found["loaded"] == [], name
        assert found["unscoped"] == found["flat"] == found["untitled"] == 0, name


def test_dark_where_the_reader_asks_for_it(browser, seen, variants, tmp_path):
    frame = _framed(to_html(variants["rich"].to_dict()), 1400, "m0")
    dark = _measured(browser, tmp_path, [frame], "--blink-settings=preferredColorScheme=0")["m0"]
    light = seen["rich", 1400]
    assert (light["dark"], dark["dark"]) == (False, True)
    assert _brightness(light["background"]) > 200
    assert _brightness(dark["background"]) < 60


def _brightness(colour: str) -> float:
    return float(np.mean([int(part) for part in re.findall(r"\d+", colour)[:3]]))


@pytest.mark.parametrize("width", WIDTHS)
def test_screenshots_are_not_blank(browser, variants, tmp_path, width):
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    page.write_text(to_html(variants["rich"].to_dict()), "utf-8")
    _run(browser, tmp_path, page, f"--window-size={width},2500", f"--screenshot={picture}")
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    assert pixels.shape == (2500, width, 3)
    for band in np.array_split(pixels, 5):
        assert len(np.unique(band.reshape(-1, 3), axis=0)) > 20
