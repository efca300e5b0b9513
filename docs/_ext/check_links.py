"""Check the links of a built site, without the network: every local address and anchor exists, and nothing is loaded
from other servers, except by the pages of asv in the folder `asv`, which are not ours.

    python docs/_ext/check_links.py docs/_build/html

Exits with status 1 and a line for each fault.
"""

from __future__ import annotations

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("script", "src"), ("img", "src"), ("link", "href")}


class Page(HTMLParser):
    """The links and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[tuple[str, str, str]] = []  # tag, relation, address
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors.update(values[key] or "" for key in ("id", "name") if key in values)
        for key in ("href", "src"):
            if values.get(key):
                self.links.append((f"{tag}.{key}", values.get("rel") or "", values[key] or ""))


@cache
def page(path: Path) -> Page:
    """A page, read once."""
    return Page(path)


def faults(site: Path) -> list[str]:
    """What is wrong with the links of a site, in words."""
    if not (site / "index.html").exists() or not (site / "searchindex.js").exists():
        return [f"{site} has no index.html or no searchindex.js: the build ended before its end"]
    found = []
    for path in sorted(set(site.rglob("*.html")) - set((site / "_static").rglob("*")) - set((site / "asv").rglob("*"))):
        for kind, relation, address in page(path).links:
            fault = _fault(site, path, kind, relation, address)
            if fault:
                found.append(f"{path.relative_to(site)}: {fault}")
    return found


def _fault(site: Path, path: Path, kind: str, relation: str, address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        loaded = tuple(kind.split(".")) in LOADED and relation not in ("canonical", "author")
        return f"loads {address}" if loaded and parts.scheme != "data" else ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return f"dead link to {address}"
    known = target.suffix == ".html" and target.is_relative_to(site) and not target.is_relative_to(site / "asv")
    if parts.fragment and known and unquote(parts.fragment) not in page(target).anchors:
        return f"dead anchor {address}"
    return ""


if __name__ == "__main__":
    lines = faults(Path(sys.argv[1]).resolve())
    print("\n".join(lines) or "all links lead somewhere")
    sys.exit(bool(lines))
