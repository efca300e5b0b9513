"""Configuration of the documentation site, which `make docs` builds with warnings as errors."""

from __future__ import annotations

import inspect
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(DOCS / "_ext"))
os.environ["NBTRAIN_QUIET"] = "1"  # no notices of compilation in the outputs of examples
os.environ["NBTRAIN_STRICT_PLUGINS"] = "1"  # a plugin that cannot be used ends the build

import nbtrain  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = PROJECT["name"]
author = copyright = PROJECT["authors"][0]["name"]
version = release = nbtrain.__version__
language = "en"

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.linkcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    # in docs/_ext:
    "component_pages",
    "api_pages",
    "notebooks",
    "repository_links",
]
exclude_patterns = ["README.md", "_build", "_ext", "_templates", "gallery/*", "**sg_execution_times.rst"]
templates_path = ["_templates"]

# ---- pages in Markdown, as GitHub shows them, too
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4

notebook_pages = ["tutorials/first-network", "tutorials/first-plugin", "tutorials/inside-njit"]  # they run

# ---- docstrings
default_role = "py:obj"  # `fit` is a link where there is such a name, and otherwise code; reST's default is italics
smartquotes = False  # "mse" can be copied
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # the section Parameters has them
toc_object_entries_show_parents = "hide"  # long names are cut in the margin
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False  # the template of classes lists them
numpydoc_xref_param_type = False

# ---- gallery
sphinx_gallery_conf = {
    "abort_on_example_error": True,
    "backreferences_dir": "reference/api/backreferences",
    "doc_module": ("nbtrain",),
    "download_all_examples": False,
    "examples_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "gallery_dirs": "examples",
    "ignore_repr_types": r"matplotlib|numpy\.ndarray",
    "matplotlib_animations": False,
    "min_reported_time": 5,
    "remove_config_comments": True,
    "reset_modules": ("matplotlib", "gallery_style.reset"),
    "reset_modules_order": "both",
    "show_memory": False,
    "show_signature": False,
    "within_subsection_order": "FileNameSortKey",
    "write_computation_times": False,  # that page loads scripts from other servers
}

# ---- look
html_theme = "pydata_sphinx_theme"
html_title = "nbtrain"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["nbtrain.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "footer_end": [],
    "footer_start": ["copyright"],
    "header_links_before_dropdown": 6,
    "icon_links": [{"name": "Source", "url": PROJECT["urls"]["Repository"], "icon": "fa-solid fa-code-branch"}],
    "logo": {"text": "nbtrain"},
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "navigation_depth": 3,
    "pygments_dark_style": "a11y-high-contrast-dark",
    "pygments_light_style": "a11y-high-contrast-light",
    "search_bar_text": "Search nbtrain",
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
}
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "changelog": [], "development": [], "release": []}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# ---- links to other projects need the network, where a failure is a warning and so an error
if os.environ.get("NBTRAIN_DOCS_ONLINE"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "numpy": ("https://numpy.org/doc/stable", None),
        "python": ("https://docs.python.org/3", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }
repository_url = PROJECT["urls"]["Repository"]

# Roles of docutils that scikit-learn's docstrings use, and what stands in them: `:term:`y`` and `:ref:`here <there>``.
ROLE = re.compile(r":[a-z:]+:`~?(?:(?P<title>[^`<]+?) <[^`>]*>|(?P<name>[^`<]+))`")


def shorten_inherited(app: Any, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Keep one paragraph of docstrings that come from another package; their roles are that package's."""
    function = getattr(found, "fget", None) or found
    package = (getattr(inspect.unwrap(function), "__module__", None) or "").partition(".")[0]
    if package in ("sklearn", "pluggy"):
        first = lines[: lines.index("")] if "" in lines else list(lines)
        plain = [ROLE.sub(lambda match: match["title"] or match["name"], line) for line in first]
        lines[:] = [*plain, "", f"Inherited from {package}.", ""]


def skip_member(app: Any, what: str, name: str, found: Any, skip: bool, options: Any) -> bool | None:
    """Leave out scikit-learn's setters of metadata requests, and what `Trainer` hides from tab completion."""
    module = getattr(found, "__module__", None) or ""
    return True if module.startswith("sklearn.utils._metadata_requests") or name == "from_bytes" else None


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Where a documented name is defined, in the repository."""
    if domain != "py" or not info["module"]:
        return None
    found: Any = sys.modules.get(info["module"])
    try:
        for name in info["fullname"].split("."):
            found = getattr(found, name)
        found = found.fget if isinstance(found, property) else found
        found = inspect.unwrap(getattr(found, "py_func", found))
        path = Path(inspect.getsourcefile(found) or "").resolve().relative_to(ROOT)
        lines, first = inspect.getsourcelines(found)
    except (AttributeError, TypeError, OSError, ValueError):
        return None
    return f"{repository_url}/blob/main/{path}#L{first}-L{first + len(lines) - 1}"


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", shorten_inherited, priority=400)  # before numpydoc
    app.connect("autodoc-skip-member", skip_member)
