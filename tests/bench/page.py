"""What the page costs a browser: `python tests/bench/page.py BUILD`.

First paint on loopback (First Contentful Paint of the Paint Timing API, fresh context each time, so
that nothing is cached), per view; and frames while a run of 1,000 windows is scrolled from end to
end. Needs Playwright and Chromium, as tests/e2e/test_page.py. Prints figures, asserts nothing.
"""

import json
import os
import shutil
import statistics
import sys
import time
import urllib.request
from pathlib import Path

os.environ.setdefault("REWARDD_BUILD", sys.argv[1] if len(sys.argv) > 1 else "build")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from fake_daemon import Daemon
from playwright.sync_api import sync_playwright

WINDOWS, WINDOW, LOADS = 1000, 64, 20
SCROLL = """async () => {
  const end = document.documentElement.scrollHeight - innerHeight;
  const gaps = [];
  let last = performance.now();
  const started = last;
  for (let y = 0; y <= end; ) {
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
    y = (now - started) * 2;   // 2,000 pixels a second
    scrollTo(0, y);
  }
  return {pixels: end, seconds: (last - started) / 1000, gaps: gaps.slice(1)};
}"""


def fill(daemon):
    """1,000 windows: 64,000 traces of the engine without arithmetic."""
    begin = time.monotonic()
    for k in range(WINDOWS):
        items = []
        for i in range(8):
            traces = [[f"trace {k} {i} {g}", "so"] for g in range(8)]
            items.append({"prompt": f"question {k * 8 + i:06d}?", "traces": traces})
        body = {"items": items, "flags": "off", "run": {"id": "long", "step": k}}
        request = urllib.request.Request(
            daemon.url + "/v1/rewards",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request).read()
    while True:
        with urllib.request.urlopen(daemon.url + "/v1/runs/long") as reply:
            if json.load(reply)["traces"] >= WINDOWS * WINDOW:
                return time.monotonic() - begin
        time.sleep(0.1)


def first_paints(browser, daemon, view):
    found = []
    for _ in range(LOADS):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(f"{daemon.url}/ui#/{view}")
        page.wait_for_selector("h1")
        found.append(
            page.evaluate(
                "new Promise(r => new PerformanceObserver(l => l.getEntriesByName("
                "'first-contentful-paint').forEach(e => r(e.startTime)))"
                ".observe({type: 'paint', buffered: true}))"
            )
        )
        context.close()
    return sorted(found)


def scroll(browser, daemon):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{daemon.url}/ui#/runs/long")
    page.wait_for_selector(".plot polyline")
    page.click("text=All windows as a table")
    page.wait_for_function(
        "n => document.querySelectorAll('.windows tbody tr').length >= n", arg=WINDOWS - 10
    )
    page.evaluate("document.querySelector('.all .scroll').style.setProperty('max-height', 'none')")
    page.wait_for_timeout(500)
    points = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.curve')].map(c => c.points.length))"
    )
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable", {"timeDomain": "threadTicks"})  # CPU time, not the clock's

    def busy():
        metrics = cdp.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    before = busy()
    told = page.evaluate(SCROLL)
    return points, {**told, "cpu": busy() - before}


def main():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with Daemon("--runs-window", str(WINDOW)) as daemon, sync_playwright() as p:
        print(f"filled in {fill(daemon):.1f} s; load average {os.getloadavg()[0]:.1f}")
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for view in ["score", "runs", "runs/long", "models", "status"]:
            paints = first_paints(browser, daemon, view)
            print(
                f"first paint {view:10} median {statistics.median(paints):6.1f} ms, "
                f"fastest {paints[0]:6.1f}, slowest {paints[-1]:6.1f} of {LOADS}"
            )
        points, told = scroll(browser, daemon)
        gaps = sorted(told["gaps"])
        print(
            f"scroll: {points} windows, {told['pixels']} pixels in {told['seconds']:.1f} s, "
            f"{len(gaps) / told['seconds']:.1f} frames a second; frame median "
            f"{statistics.median(gaps):.1f} ms, 99 % {gaps[int(len(gaps) * 0.99) - 1]:.1f} ms, "
            f"longest {gaps[-1]:.1f} ms; main thread "
            f"{1000 * told['cpu'] / len(gaps):.2f} ms CPU a frame"
        )
        browser.close()


if __name__ == "__main__":
    main()
