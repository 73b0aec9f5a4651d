"""Where this server is, as its callers see it, and whether a browser's request comes from our own pages."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request, Response

from gisops.errors import NotAllowed
from gisops.settings import Settings

COOKIE = "gisops_session"
CSRF_HEADER = "X-Gisops"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossSite(NotAllowed):
    """A page of another site sent this; only our own pages may use the cookie."""

    code = "cross_site"


def public_origin(request: Request) -> str:
    """Scheme, host and port by which callers reach this server: the setting, else what this request was sent to."""
    settings: Settings = request.app.state.settings
    return settings.public_url or f"{request.url.scheme}://{request.url.netloc}"


def is_secure(request: Request) -> bool:
    """Whether callers reach this server by https."""
    return public_origin(request).startswith("https://")


def cookie_name(request: Request, name: str = COOKIE) -> str:
    """Name of a cookie of ours. By https it is one that browsers take from this very host only, and only by https."""
    return f"__Host-{name}" if is_secure(request) else name


def set_cookie(request: Request, answer: Response, value: str, max_age_s: int) -> None:
    """Give the screens their sign-in."""
    answer.set_cookie(
        cookie_name(request),
        value,
        max_age=max_age_s,
        path="/",
        httponly=True,
        samesite="strict",
        secure=is_secure(request),
    )


def delete_cookie(request: Request, answer: Response) -> None:
    """Take the screens' sign-in away."""
    answer.delete_cookie(cookie_name(request), path="/", httponly=True, samesite="strict", secure=is_secure(request))


def check_same_site(request: Request) -> None:
    """Refuse what a page of another site makes a browser send. Raises CrossSite.

    Browsers of today say it themselves (Sec-Fetch-Site, which no page can forge); those before, and all of them where
    there is no TLS, name the page's origin. What names neither is no browser's.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        if site.lower() not in ("same-origin", "none"):
            raise CrossSite(site=site)
    elif origin is not None and _normal(origin) != _normal(public_origin(request)):
        do = "Behind a proxy, set GISOPS_PUBLIC_URL to the public address."
        raise CrossSite(origin=origin, expected=public_origin(request), do=do)


def check_cookie_may_act(request: Request) -> None:
    """Let a request that changes something act by its cookie only if it comes from our own pages: the header
    ``X-Gisops``, which no other site can make a browser send, and no word of another site. Raises NotAllowed.
    """
    if request.method in SAFE_METHODS:
        return
    if request.headers.get(CSRF_HEADER) != "1":
        raise NotAllowed("What changes something with the cookie needs the header X-Gisops: 1.", header=CSRF_HEADER)
    check_same_site(request)


def _normal(origin: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(origin)
        return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", "", None
