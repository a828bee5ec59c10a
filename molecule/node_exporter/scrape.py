"""scrape.py URL STOP: scrape until the file STOP is there, and print the longest time in seconds without an answer.

Scraping four times a second sees what Prometheus, which scrapes less, would have missed at worst.
"""

from __future__ import annotations

import sys
import time
import urllib.request
from pathlib import Path


def main(url: str, stop: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    longest, last, end = 0.0, time.monotonic(), time.monotonic() + 900
    while not stop.exists() and time.monotonic() < end:
        try:
            with opener.open(url, timeout=2) as reply:
                reply.read()
        except OSError:
            pass
        else:
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        time.sleep(0.25)
    print(f"{max(longest, time.monotonic() - last):.1f}")


main(sys.argv[1], Path(sys.argv[2]))
