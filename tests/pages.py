"""README and docs/ taken apart: blocks of code, tables, links, quoted words."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
CODE = "code_inline"
MARKDOWN = MarkdownIt("commonmark").enable("table")


class Part(NamedTuple):
    """A piece of a page, and where it stands."""

    page: Path
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def tokens(page: Path) -> list[Token]:
    return MARKDOWN.parse(page.read_text())


def blocks(language: str) -> list[Part]:
    """The fenced blocks of a language."""
    return [
        Part(page, token.map[0] + 2, token.content)
        for page in PAGES
        for token in tokens(page)
        if token.type == "fence" and token.info == language
    ]


def table_calls(heading: str) -> list[Part]:
    """The code in the column of a heading, a part for each row."""
    return [part for page in PAGES for part in _calls(page, heading)]


def _calls(page: Path, heading: str) -> Iterator[Part]:
    column = wanted = line = -1
    for token, content in itertools.pairwise(tokens(page)):
        if token.type == "tr_open":
            column, line = -1, token.map[0] + 1
        elif token.type == "table_close":
            wanted = -1
        elif token.type in ("th_open", "td_open"):
            column += 1
            if content.content == heading:
                wanted = column
            elif column == wanted:
                calls = [part.content for part in content.children if part.type == CODE]
                yield Part(page, line, "\n".join(calls))


def inlines(page: Path, kind: str) -> Iterator[tuple[Part, Token]]:
    """The pieces of running text that are of a kind."""
    for token in tokens(page):
        for child in token.children or ():
            if child.type == kind:
                yield Part(page, token.map[0] + 1, child.content), child


def links(page: Path) -> list[Part]:
    """Where links and pictures lead."""
    found = []
    for kind, attribute in (("link_open", "href"), ("image", "src")):
        for part, token in inlines(page, kind):
            found.append(part._replace(text=str(token.attrs[attribute])))
    return found


def anchors(page: Path) -> set[str]:
    """The names of a page's places, as GitHub and MkDocs give them."""
    nodes = tokens(page)
    headings = [
        nodes[i + 1].content.replace("`", "")
        for i, node in enumerate(nodes)
        if node.type == "heading_open"
    ]
    slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
    return slugs | set(re.findall(r"^::: (\S+)", page.read_text(), re.MULTILINE))


def messages() -> set[str]:
    """Every text of the sources; what is filled in later is an ellipsis."""
    found: set[str] = set()
    for path in ROOT.glob("csrc/**/*.[ch]"):
        found |= set(_texts_of_c(path.read_text()))
    for path in ROOT.glob("gvdecode/*.py"):
        found |= set(_texts_of_python(ast.parse(path.read_text())))
    return found


def _texts_of_c(source: str) -> Iterator[str]:
    literal = r'"(?:[^"\\\n]|\\.)*"'
    lines = source.replace("\\\n", "\n")  # of macros
    for group in re.findall(rf"{literal}(?:\s*{literal})*", lines):
        text = "".join(part[1:-1] for part in re.findall(literal, group))
        text = re.sub(r"%[-+ #0]*[\d*]*(\.[\d*]+)?[hlzjt]*[a-zA-Z]", "…", text)
        yield re.sub("…+", "…", text).replace('\\"', '"')


def _texts_of_python(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (
                part.value if isinstance(part, ast.Constant) else "…"
                for part in node.values
            )
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
