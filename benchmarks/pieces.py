"""Cuts files into pieces that can travel one folder a time, and joins them again.

    python pieces.py split FILE... --prefix .carry    # .carry1, .carry2, ...
    python pieces.py join FOLDER... --out DIR

A folder holds at most 40 MiB. Beside the pieces stands `pieces.json` with their
places and the SHA-256 of the whole file; `join` writes a piece to its place, may
be called for one folder after the other, and checks a file once it is whole.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

LIMIT = 40 * 2**20
Piece = dict[str, str | int]


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Folders:
    """The folders being filled, each with its list of pieces."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.number = 0
        self.room = 0
        self.pieces: list[Piece] = []

    def open_next(self) -> None:
        self.close()
        self.number += 1
        self.room = LIMIT
        folder = Path(f"{self.prefix}{self.number}")
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()

    def add(self, data: bytes, piece: Piece) -> None:
        name = f"{len(self.pieces):03}.piece"
        Path(f"{self.prefix}{self.number}", name).write_bytes(data)
        self.pieces.append({"piece": name, **piece})
        self.room -= len(data)

    def close(self) -> None:
        if self.pieces:
            text = json.dumps(self.pieces, indent=1)
            Path(f"{self.prefix}{self.number}", "pieces.json").write_text(text + "\n")
            size = (LIMIT - self.room) / 2**20
            print(f"{self.prefix}{self.number}: {size:.1f} MiB")
        self.pieces = []


def split(files: list[Path], prefix: str) -> None:
    folders = Folders(prefix)
    for path in files:
        total, digest, at = path.stat().st_size, sha256(path), 0
        with path.open("rb") as file:
            while at < total:
                if folders.room == 0:
                    folders.open_next()
                data = file.read(min(folders.room, total - at))
                place: Piece = {
                    "file": path.name,
                    "at": at,
                    "size": total,
                    "sha256": digest,
                }
                folders.add(data, place)
                at += len(data)
    folders.close()


def join(folders: list[Path], out: Path) -> bool:
    """Puts the pieces in place; true if every file they belong to is whole."""
    out.mkdir(parents=True, exist_ok=True)
    wanted: dict[str, str] = {}
    for folder in folders:
        for piece in json.loads((folder / "pieces.json").read_text()):
            target = out / piece["file"]
            wanted[piece["file"]] = piece["sha256"]
            with target.open("r+b" if target.exists() else "w+b") as file:
                file.truncate(piece["size"])
                file.seek(piece["at"])
                file.write((folder / piece["piece"]).read_bytes())
    whole = True
    for name, digest in wanted.items():
        good = sha256(out / name) == digest
        print(f"{name}: {'whole' if good else 'pieces are missing or damaged'}")
        whole = whole and good
    return whole


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    steps = parser.add_subparsers(dest="step", required=True)
    cut = steps.add_parser("split")
    cut.add_argument("files", type=Path, nargs="+")
    cut.add_argument("--prefix", default=".carry", help="folders are PREFIX1, ...")
    put = steps.add_parser("join")
    put.add_argument("folders", type=Path, nargs="+")
    put.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.step == "split":
        split(arguments.files, arguments.prefix)
        return 0
    return 0 if join(arguments.folders, arguments.out) else 1


if __name__ == "__main__":
    raise SystemExit(main())
