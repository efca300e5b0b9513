"""Links from pages to files outside docs/, such as examples, lead to the repository; dead ones are warnings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.util import logging

LINK = re.compile(r"(?<=\]\()(?P<target>(?![a-z]+:|#)[^)#\s]+)(?P<anchor>#[^)\s]*)?(?=\))")
logger = logging.getLogger(__name__)


def redirect(app: Any, name: str, content: list[str]) -> None:
    """Replace those targets in the source of a page."""
    page, docs = Path(app.env.doc2path(name)), Path(app.srcdir).resolve()
    if page.suffix != ".md":
        return

    def replaced(match: re.Match[str]) -> str:
        target = (page.parent / match["target"]).resolve()
        if target.is_relative_to(docs):
            return match[0]
        if not target.exists():
            logger.warning("dead link to %s", match["target"], location=name)
        kind = "tree" if target.is_dir() else "blob"
        return f"{app.config.repository_url}/{kind}/main/{target.relative_to(docs.parent)}{match['anchor'] or ''}"

    content[0] = LINK.sub(replaced, content[0])


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("repository_url", "", "env")
    app.connect("source-read", redirect)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
