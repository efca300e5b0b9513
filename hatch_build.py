"""For the build: the description on PyPI is README.md, whose links to files of the repository work there, too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*)\]\((?P<target>[^)\s]+)\)")
PICTURE = re.compile(r'(?<=src=")(?P<target>[^"]+)(?=")')


def absolute(text: str, repository: str) -> str:
    """README's text with addresses in place of paths, of pages on GitHub and of pictures as such."""
    raw = repository.replace("https://github.com/", "https://raw.githubusercontent.com/") + "/main"

    def is_path(target: str) -> bool:
        return not re.match(r"[a-z]+:|#", target)

    def link(match: re.Match[str]) -> str:
        text, target = LINK.sub(link, match["text"]), match["target"]  # the text of a link may be a picture
        if is_path(target):
            target = f"{raw if match['image'] else f'{repository}/blob/main'}/{target}"
        return f"{match['image']}[{text}]({target})"

    def picture(match: re.Match[str]) -> str:
        return f"{raw}/{match['target']}" if is_path(match["target"]) else match["target"]

    return PICTURE.sub(picture, LINK.sub(link, text))


class Description(MetadataHookInterface):
    """hatchling's hook: sets `readme`, which pyproject.toml names as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called while the metadata are read."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        text = absolute(text, metadata["urls"]["Repository"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
