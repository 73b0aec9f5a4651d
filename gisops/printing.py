"""Pages as PDF, for paper. The page must need nothing beside itself: nothing is fetched while it is printed."""

from __future__ import annotations

import logging
from typing import Any

from gisops.errors import NotReady


class PrinterMissing(NotReady):
    """This machine cannot print: what sets the type is not installed."""

    code = "printer_missing"


def pdf(html: str) -> bytes:
    """Print a page. Takes a second or two of a core. Raises ``PrinterMissing`` where Pango is not there."""
    try:
        # late: it loads Pango, which only a machine that prints has
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except OSError as error:
        raise PrinterMissing(
            "This machine cannot print: the library Pango is not installed. The page itself can be read, and printed "
            "by a browser.",
            do="apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk",
        ) from error
    for name in ("weasyprint", "weasyprint.progress", "fontTools"):
        logging.getLogger(name).setLevel(logging.ERROR)
    refused: Any = URLFetcher(allowed_protocols=())
    printed: bytes = HTML(string=html, url_fetcher=refused).write_pdf()
    return printed
