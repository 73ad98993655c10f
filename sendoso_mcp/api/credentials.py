"""What can be known of the key and the address without asking Sendoso."""

from __future__ import annotations

import re

import httpx

from sendoso_mcp.errors import BadCredentials

_KEY = re.compile(r"[\x21-\x7e]{8,512}")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def check_credentials(base_url: str, api_key: str) -> None:
    """Checks what can be known of the two without asking Sendoso.

    Raises:
        BadCredentials: the key has spaces, control or non-ASCII characters, is too short or a placeholder;
            the address is not an https URL (http is allowed on loopback only, since it shows the key).
    """
    if not _KEY.fullmatch(api_key) or "YOUR_" in api_key.upper():
        raise BadCredentials(
            "SENDOSO_API_KEY does not look like an API key (8 to 512 printable characters, no spaces). "
            "Copy it again from Sendoso: Settings > API Keys, and restart the server."
        )
    try:
        url = httpx.URL(base_url)
        host = url.host
    except (httpx.InvalidURL, ValueError):  # the latter for a host that is no international name
        url, host = httpx.URL(""), ""
    # "@": a name or password in the address would end up in messages.
    if (
        url.scheme not in ("http", "https")
        or not url.host
        or re.search(r"[@?#\s]", base_url)
        or (url.port or 0) > 65_535
    ):
        raise BadCredentials(
            "SENDOSO_BASE_URL is not the address of an API. It looks like https://app.sendoso.com/api/v2; "
            "correct it and restart the server."
        )
    if url.scheme == "http" and host not in LOOPBACK:
        raise BadCredentials(
            "SENDOSO_BASE_URL must start with https:// so that the API key stays secret on the way "
            "(http:// is accepted for this machine only)."
        )
