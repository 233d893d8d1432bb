"""The notices of those files in FFmpeg and dav1d that are not under the LGPL.

    python packaging/notices.py WORKDIR > packaging/licenses/notices.txt

WORKDIR is build_ffmpeg.sh's, after a build: of FFmpeg only the files count that
were compiled or included. Files with the same licence stand together.
"""

import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

TERMS = re.compile(
    r"^(Permission (is hereby granted|is granted|to use, copy)|"
    r"Redistribution and use in source|This software is provided 'as-is'|"
    r"This file is part of the Independent JPEG)",
    re.MULTILINE,
)
COMMENT = re.compile(r"/\*[\s\S]*?\*/|(?:^(?:;|//).*\n)+", re.MULTILINE)
DECORATION = re.compile(r"^[\s/*;]*(.*?)[\s*/;]*$")
RULE = "\n" + "-" * 78 + "\n\n"


def compiled(source: Path) -> set[Path]:
    """What FFmpeg's own dependency files name."""
    found = set()
    for file in source.rglob("*.d"):
        names = file.read_text().replace("\\\n", " ").split()
        found |= {(source / name.rstrip(":")).resolve() for name in names}
    if not found:
        sys.exit(f"{source} has no dependency files: was it built?")
    here = source.resolve()
    suffixes = (".c", ".h", ".asm", ".S")
    return {f for f in found if f.is_relative_to(here) and f.suffix in suffixes}


def notice(path: Path) -> tuple[str, list[str]] | None:
    """The terms at the head of a file, and the lines of those who hold it."""
    text = path.read_text(errors="replace")[:8000]
    for comment in COMMENT.findall(text):
        lines = comment.splitlines()
        plain = "\n".join(DECORATION.sub(r"\1", line) for line in lines)
        terms = TERMS.search(plain)
        if terms:
            head = plain[: terms.start()]
            holders = [x for x in head.splitlines() if re.search(r"Copyright|©", x)]
            return plain[terms.start() :].strip(), holders
    return None


def collect(work: Path) -> Iterable[tuple[str, str, list[str]]]:
    """Name, terms and holders of each file."""
    source = work / "src"
    dav1d = {*source.glob("dav1d/src/**/*.[ch]"), *source.glob("dav1d/src/**/*.asm")}
    for path in sorted(compiled(source / "ffmpeg") | {p.resolve() for p in dav1d}):
        found = notice(path)
        if found:
            yield str(path.relative_to(source.resolve())), *found


def main() -> None:
    groups: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    texts: dict[str, str] = {}
    for name, terms, holders in collect(Path(sys.argv[1])):
        key = " ".join(terms.split())
        texts.setdefault(key, terms)
        groups[key].append((name, holders))
    parts = []
    for key, files in groups.items():
        names = textwrap.fill(", ".join(name for name, _ in files), 78)
        holders = sorted({line for _, lines in files for line in lines})
        parts.append("\n".join([names, "", *holders, "", texts[key], ""]))
    print(RULE.join(parts), end="")


if __name__ == "__main__":
    main()
