"""Checks the order of csrc/: a file includes only what stands below it.

    python packaging/check_layers.py [FOLDER]

Prints one line a fault and exits 1 if there is any. Also: whose headers may be
used where, and how long files and functions may be.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

# From the bottom up. The entries of one line stand side by side: none of them
# may include another, all may include the lines before. An entry is a regular
# expression over the path in csrc/ without its suffix.
LAYERS: list[list[str]] = [
    [r"status|ref|log|thread|stats|limit|input|errand|file_id|memory|crowd|savings"],
    [r"frame|tensor|packet|media|plane|host_copy|output"],
    [r"bits|nal\w*|plan|timeline|trust|index\w*|request|yuv|pixels|axis|conversion"],
    [r"av"],
    [r"backend", r"dlpack"],
    [r"source\w*"],
    [r"cpu/.*", r"cuda/.*", r"(scheduler|job|worker)\w*|feeder"],
    [r"(reader|pass)\w*|assembler|batch|frame_cache|presenter|scan|supply|shrink"],
    [r"python/.*"],
]

# Headers of others: what they are, where they may be included, how we say it.
FOREIGN = [
    (r"Python\.h|structmember\.h|numpy/.*", r"python/.*", "csrc/python"),
    (r"ffnvcodec/.*|cuda\w*\.h|nvcuvid\.h|nvrtc\.h", r"cuda/.*", "csrc/cuda"),
    (
        r"libav\w+/.*|libsw\w+/.*|av\.h",
        r"source\w*\.c|source_impl\.h|av\.h|cpu/.*|cuda/.*",
        "source*.c, source_impl.h, av.h, cpu/ and cuda/",
    ),
]
# A -I folder with one of these would hide the real header from somebody.
RESERVED = ("cuda.h", "dlpack/dlpack.h")

FILE_LINES = 500
FUNCTION_LINES = 60
FUNCTION_LINES_ADVISED = 40

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def place(name: str) -> tuple[int, int] | None:
    """Layer and entry of a path in csrc/, or None if the table lacks it."""
    stem = name.rsplit(".", 1)[0]
    for level, entries in enumerate(LAYERS):
        for entry, pattern in enumerate(entries):
            if re.fullmatch(pattern, stem):
                return level, entry
    return None


def includes(text: str) -> Iterator[tuple[int, str, bool]]:
    """Line number, name and whether it is quoted, for every #include."""
    for number, line in enumerate(text.splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[2], match[1] == '"'


def resolve(root: Path, path: Path, name: str) -> str | None:
    """The path in csrc/ that `path` means by "name", or None."""
    for folder in (path.parent, root):
        found = (folder / name).resolve()
        if found.is_file() and found.is_relative_to(root):
            return found.relative_to(root).as_posix()
    return None


def check_include(root: Path, path: Path, name: str, quoted: bool) -> str | None:
    """What is wrong with one #include, or None."""
    me = path.relative_to(root).as_posix()
    target = resolve(root, path, name) if quoted else None
    for header, users, words in FOREIGN:
        if re.fullmatch(header, target or name) and not re.fullmatch(users, me):
            return f"{name} belongs to {words} only"
    if not quoted:
        return None
    if target is None:
        return f"{name} is not in csrc/; headers of others go in <>"
    mine, theirs = place(me), place(target)
    # Unknown files are reported once, by check_file.
    if mine and theirs and mine != theirs and theirs[0] >= mine[0]:
        return f"{name} does not stand below {me}"
    return None


def functions(text: str) -> Iterator[tuple[int, int]]:
    """First line and length of every function body.

    clang-format puts a brace in the first column for those and nothing else.
    """
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            yield start, number - start - 1
            start = 0


def check_file(root: Path, path: Path) -> Iterator[tuple[int, str, bool]]:
    """Line, words and whether it counts, for all that is wrong in one file."""
    name = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8")
    if name.endswith(RESERVED):
        yield 1, "no header of ours has this name", True
    if place(name) is None:
        yield 1, "not in the table of layers (packaging/check_layers.py)", True
    for line, header, quoted in includes(text):
        if fault := check_include(root, path, header, quoted):
            yield line, fault, True
    length = len(text.splitlines())
    if length > FILE_LINES:
        yield length, f"{length} lines, {FILE_LINES} at most", True
    for line, length in functions(text):
        if length > FUNCTION_LINES_ADVISED:
            words = f"function of {length} lines, {FUNCTION_LINES} at most"
            yield line, words, length > FUNCTION_LINES


def check(root: Path) -> tuple[list[str], list[str]]:
    """Faults and warnings of a whole csrc/ folder."""
    root = root.resolve()
    faults: list[str] = []
    warnings: list[str] = []
    for path in sorted(root.rglob("*")):
        if path.suffix in (".c", ".h", ".cu"):
            for line, words, counts in check_file(root, path):
                where = f"{path.relative_to(root.parent)}:{line}"
                (faults if counts else warnings).append(f"{where}: {words}")
    return faults, warnings


def main(arguments: list[str]) -> int:
    default = Path(__file__).resolve().parents[1] / "csrc"
    faults, warnings = check(Path(arguments[0]) if arguments else default)
    for line in warnings:
        print(f"{line} (warning)")
    for line in faults:
        print(line)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
