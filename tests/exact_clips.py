"""Makes the clips of `make exact`, see exact_recipes.py.

    python tests/exact_clips.py FOLDER [NAME...]

What this ffmpeg cannot make is printed and written into FOLDER/not_made.txt, a
line each, so that nothing is left out silently.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clips import ffmpeg
from exact_recipes import (
    CONCATENATED,
    JOINED,
    NOT_MADE,
    PARTS,
    RECIPES,
    TWO_PASSES,
    WRITTEN,
    Piece,
)


def make(folder: Path, name: str) -> Path:
    """The clip's path; made, with what it is made of, if it is not there yet."""
    part = name in PARTS
    target = folder / "parts" / name if part else folder / name
    if target.exists():
        return target
    fresh = folder / "parts" / f"new.{name}"
    fresh.parent.mkdir(parents=True, exist_ok=True)
    if name in WRITTEN:
        fresh.write_bytes(WRITTEN[name])
    elif name in JOINED:
        fresh.write_bytes(b"".join(bytes_of(folder, piece) for piece in JOINED[name]))
    elif name in CONCATENATED:
        concatenate(folder, CONCATENATED[name], fresh)
    else:
        recipe = with_paths(folder, PARTS[name] if part else RECIPES[name])
        if name in TWO_PASSES:
            recipe += ["-passlogfile", str(fresh)]
            ffmpeg(*recipe, "-pass", "1", "-f", "null", "-")
            recipe += ["-pass", "2"]
        ffmpeg(*recipe, str(fresh))
    fresh.rename(target)
    return target


def with_paths(folder: Path, recipe: list[str]) -> list[str]:
    return [
        str(make(folder, word[1:])) if word.startswith("@") else word for word in recipe
    ]


def bytes_of(folder: Path, piece: Piece) -> bytes:
    data = make(folder, piece.clip).read_bytes()
    units = len(data) // piece.unit
    start, stop = (round(units * share) * piece.unit for share in piece[1:3])
    return data[start : stop if piece.stop < 1 else len(data)]


def concatenate(folder: Path, names: tuple[str, ...], target: Path) -> None:
    listing = target.with_suffix(".txt")
    paths = [make(folder, name).resolve() for name in names]
    listing.write_text("".join(f"file '{path}'\n" for path in paths))
    ffmpeg("-f", "concat", "-safe", "0", "-i", str(listing), "-c", "copy", str(target))
    listing.unlink()


def attempt(folder: Path, name: str) -> str:
    """Why the clip cannot be made, or nothing."""
    try:
        make(folder, name)
    except RuntimeError as error:
        return f"{name}: {str(error).splitlines()[-1]}"
    return ""


def main() -> None:
    folder = Path(sys.argv[1])
    names = sys.argv[2:] or [*WRITTEN, *RECIPES, *JOINED, *CONCATENATED]
    # What others are made of first, one after the other.
    words = {word for recipe in RECIPES.values() for word in recipe}
    sources = {word[1:] for word in words if word.startswith("@")}
    sources |= {piece.clip for pieces in JOINED.values() for piece in pieces}
    sources |= {name for parts in CONCATENATED.values() for name in parts}
    for name in sorted(sources):
        attempt(folder, name)
    with ThreadPoolExecutor(2) as pool:
        failures = list(filter(None, pool.map(lambda n: attempt(folder, n), names)))
    failures += [f"{what}: {why}" for what, why in NOT_MADE.items()]
    (folder / "not_made.txt").write_text("".join(f"{line}\n" for line in failures))
    print(f"{folder}: {len(names)} recipes; not made:", *failures, sep="\n  ")


if __name__ == "__main__":
    main()
