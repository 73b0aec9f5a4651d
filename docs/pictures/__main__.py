"""Screenshots of every screen, from real servers with sample cities of their own: ``make pictures``.

The real city is read from the extract in ``$GISOPS_PICTURES_OSM``, else Helsinki's among the test data; without a file
its pictures stay as they are.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from docs.pictures.faces import faces

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LOGIN, PASSWORD = "dispatcher", "for the pictures"
# Sizes: a desk's screen, and a phone held upright.
DESK, PHONE, MAP = (ViewportSize(width=w, height=h) for w, h in ((1440, 900), (390, 844), (1280, 800)))
EXTRACT = Path(
    os.environ.get("GISOPS_PICTURES_OSM")
    or Path(os.environ.get("GISOPS_TEST_DATA") or ROOT.parent / "shared" / "data") / "osm" / "Helsinki.osm.pbf"
)
# Where the whole city, a quarter and a street corner are looked at: longitude, latitude, zoom.
CITY = ((110.352, 20.026, 12.4), (110.343, 20.0215, 14.6), (110.3487, 20.0224, 16.8))
REAL_CITY = ((24.9435, 60.171, 14.0), (24.9425, 60.1685, 15.5), (24.9466, 60.1697, 17.2))


@contextmanager
def server(*sample: str) -> Iterator[str]:
    """Yield the address of ``gisops up`` in a folder of its own; both are gone afterwards.

    ``sample``: what ``gisops sample`` is told.
    """
    with tempfile.TemporaryDirectory(prefix="gisops-pictures-") as home:
        os.chmod(home, 0o755)  # user postgres must be able to enter it
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GISOPS_")}
        environment |= {"GISOPS_HOME": home, "GISOPS_PORT": "0", "GISOPS_SAMPLE_PASSWORD": PASSWORD}
        environment |= {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "api.cli"]
        subprocess.run([*command, "sample", *sample], env=environment, check=True, stdout=subprocess.DEVNULL)
        up = subprocess.Popen([*command, "up"], env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert up.stdout is not None
            told = (re.search(r"http://[\d.]+:\d+", line) for line in up.stdout)
            found = next((match for match in told if match), None)
            if found is None:
                sys.exit("gisops up did not start; run it by itself to see why")
            yield found.group()
        finally:
            up.terminate()
            up.wait(30)
            subprocess.run([*command, "reset", "--yes"], env=environment, check=False, stdout=subprocess.DEVNULL)


def ask_the_middle(page: Page) -> None:
    """Click where the middle of the city is drawn, and wait for the answer."""
    script = "async () => window.gisops.map.project((await (await fetch('/api/city')).json()).center)"
    middle: dict[str, Any] = page.evaluate(script)
    page.mouse.click(middle["x"], middle["y"])
    page.wait_for_selector("[data-answer]")


def settled(page: Page) -> None:
    """Wait until every tile in sight is there and drawn."""
    page.wait_for_function("() => window.gisops?.map?.isStyleLoaded()")
    page.wait_for_function("() => window.gisops.map.loaded() && window.gisops.map.areTilesLoaded()")
    page.wait_for_timeout(1200)  # panels slide in, labels fade in


def take(page: Page, name: str) -> None:
    """Keep what the page shows."""
    settled(page)
    keep(page.screenshot(), HERE / f"{name}.png")


def keep(png: bytes, path: Path) -> None:
    """Write a picture with 256 colours: a map has few, and a repository keeps every version for ever.

    The rare colours of small dots are what the legend speaks of, so coverage counts, not how often one is met.
    """
    few = Image.open(io.BytesIO(png)).convert("RGB")
    few = few.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)} {path.stat().st_size // 1000} kB")


def views(browser: Browser, address: str, name: str, places: tuple[tuple[float, float, float], ...]) -> None:
    """Take the map alone, without its panels, at each place."""
    page = browser.new_page(viewport=MAP, locale="zh-CN")
    page.goto(address)
    settled(page)
    page.evaluate("""() => {
      for (const panel of document.querySelectorAll(".head, .left, .right")) panel.style.display = "none";
      document.querySelector(".maplibregl-ctrl-bottom-left").style.left = 0;
      window.gisops.map.setPadding({left: 0, right: 0, top: 0, bottom: 0});
    }""")
    for number, (lon, lat, zoom) in enumerate(places, 1):
        if number == len(places):
            # Close by, with the parts along the streets.
            page.evaluate("document.querySelector('[data-layer=fixtures] input').click()")
        page.evaluate("([lon, lat, zoom]) => window.gisops.map.jumpTo({center: [lon, lat], zoom})", [lon, lat, zoom])
        take(page, f"{name}_{number}")
    page.close()


def sign_in(page: Page) -> None:
    """Sign in as somebody who sees cases and people."""
    page.click("[data-act=sign-in]")
    page.fill("#login", LOGIN)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector(f"[data-signed-in={LOGIN}]")


def report(page: Page, category: str, text: str) -> None:
    """Report a problem at the middle of the city, through the form."""
    ask_the_middle(page)
    page.click("[data-act=report-here]")
    page.fill("#report-text", text)
    box = page.get_by_role("combobox")
    box.click()
    box.fill(category)
    box.press("Enter")
    page.click("button[type=submit]")
    page.wait_for_selector("[data-receipt]")


def pictures(browser: Browser, address: str) -> None:
    """Take them all."""
    desk = browser.new_page(viewport=DESK, locale="zh-CN")
    desk.goto(address)
    settled(desk)
    report(desk, "E01-10", "样例：桥头堆着垃圾")
    take(desk, "map")
    phone = browser.new_page(viewport=PHONE, locale="zh-CN", device_scale_factor=2, has_touch=True, is_mobile=True)
    phone.goto(address)
    settled(phone)
    ask_the_middle(phone)
    take(phone, "map_phone")
    evening = browser.new_page(viewport=DESK, locale="en")
    evening.goto(address)
    settled(evening)
    evening.get_by_role("button", name="Switch to English").click()
    evening.get_by_role("button", name="Dark").click()
    sign_in(evening)
    ask_the_middle(evening)
    take(evening, "map_dark")
    wall = browser.new_page(viewport=DESK, locale="zh-CN")
    wall.goto(f"{address}/?theme=screen")
    settled(wall)
    sign_in(wall)
    switch = wall.locator("[data-layer=sensors] input")
    switch.check()
    # Tilted, what has a height stands up.
    lon, lat, zoom = CITY[1]
    look = "([lon, lat, zoom]) => window.gisops.map.jumpTo({center: [lon, lat], zoom, pitch: 55})"
    wall.evaluate(look, [lon, lat, zoom + 1])
    take(wall, "map_wall")


def main() -> None:
    """Start everything, take the pictures, and leave nothing running."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("No Chromium on this machine (Debian: apt-get install chromium fonts-noto-cjk).")
    arguments = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        with server("--size", "city") as address:
            views(browser, address, "city", CITY)
            pictures(browser, address)
            faces(browser, address, PASSWORD, keep)
        if EXTRACT.is_file():
            with server("--from", str(EXTRACT)) as address:
                views(browser, address, "helsinki", REAL_CITY)
        else:
            print(f"no {EXTRACT.name}: the pictures of a real city stay as they are")
        browser.close()


if __name__ == "__main__":
    main()
