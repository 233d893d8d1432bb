"""Reads and rewrites simple MP4 files with nothing but the standard library.

The GPU machine has no ffmpeg, so the long clips and the Annex B streams are made
there from the short clips. Only what `clips.py` writes is understood: one video
track of H.264 or HEVC, no fragments, 32-bit boxes. Anything else raises
ValueError, never a wrong file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

CONTAINERS = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl"}
TABLES = {b"stsd", b"stts", b"ctts", b"stss", b"stsz", b"stsc", b"stco", b"sdtp"}


@dataclass
class Box:
    """A box of the file: a container with children, or a leaf with its payload."""

    kind: bytes
    payload: bytes = b""
    children: list[Box] = field(default_factory=list)

    def find(self, path: str) -> Box:
        kind, _, rest = path.partition("/")
        for child in self.children:
            if child.kind == kind.encode():
                return child.find(rest) if rest else child
        raise ValueError(f"no {kind} box in {self.kind.decode()}")

    def encode(self) -> bytes:
        body = self.payload + b"".join(child.encode() for child in self.children)
        return struct.pack(">I4s", len(body) + 8, self.kind) + body


@dataclass
class Track:
    """The sample tables of the video track, one entry a sample in file order."""

    sizes: list[int]
    offsets: list[int]
    pts: list[int]
    keys: list[int]
    description: bytes


def read_boxes(data: bytes) -> list[Box]:
    boxes, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8 or at + size > len(data):
            raise ValueError(f"box {kind!r} of {size} bytes is not understood")
        payload = data[at + 8 : at + size]
        if kind in CONTAINERS:
            boxes.append(Box(kind, children=read_boxes(payload)))
        else:
            boxes.append(Box(kind, payload))
        at += size
    return boxes


def entries(box: Box, layout: str) -> list[tuple[int, ...]]:
    """The entries of a table box: version and flags, a count, then the entries."""
    (count,) = struct.unpack_from(">I", box.payload, 4)
    each = struct.calcsize(layout)
    return list(struct.iter_unpack(layout, box.payload[8 : 8 + count * each]))


def put_entries(box: Box, layout: str, rows: Iterable[tuple[int, ...]]) -> None:
    packed = [struct.pack(layout, *row) for row in rows]
    head = box.payload[:4] + struct.pack(">I", len(packed))
    box.payload = head + b"".join(packed)


def sample_sizes(stbl: Box) -> list[int]:
    fixed, count = struct.unpack_from(">II", stbl.find("stsz").payload, 4)
    if fixed:
        return [fixed] * count
    return list(struct.unpack_from(f">{count}I", stbl.find("stsz").payload, 12))


def sample_offsets(stbl: Box, sizes: list[int]) -> list[int]:
    """Where each sample starts in the file."""
    chunks = [row[0] for row in entries(stbl.find("stco"), ">I")]
    runs = entries(stbl.find("stsc"), ">III")
    offsets: list[int] = []
    for i, (first, samples, _) in enumerate(runs):
        last = runs[i + 1][0] - 1 if i + 1 < len(runs) else len(chunks)
        for at in chunks[first - 1 : last]:
            for _ in range(samples):
                offsets.append(at)
                at += sizes[len(offsets) - 1]
    return offsets


def run_length(rows: Iterable[tuple[int, ...]]) -> Iterator[int]:
    for count, value in rows:
        yield from [value] * count


def sample_pts(stbl: Box) -> list[int]:
    pts, dts = [], 0
    deltas = list(run_length(entries(stbl.find("stts"), ">II")))
    has_shifts = any(box.kind == b"ctts" for box in stbl.children)
    shifts = (
        list(run_length(entries(stbl.find("ctts"), ">Ii")))
        if has_shifts
        else [0] * len(deltas)
    )
    for delta, shift in zip(deltas, shifts, strict=True):
        pts.append(dts + shift)
        dts += delta
    return pts


def top_boxes(path: Path) -> list[Box]:
    """The file's boxes; those of the samples, which may be gigabytes, are empty."""
    boxes, at = [], 0
    with path.open("rb") as file:
        while head := file.read(8):
            if len(head) < 8:
                raise ValueError(f"{path}: {len(head)} bytes behind the last box")
            size, kind = struct.unpack(">I4s", head)
            if kind in (b"mdat", b"free") and size >= 8:
                boxes.append(Box(kind))
            else:
                boxes += read_boxes(head + file.read(max(size - 8, 0)))
            at += size
            file.seek(at)
    return boxes


def movie(path: Path) -> tuple[list[Box], Box, Box]:
    """The file's boxes, its moov, and the stbl of its only track."""
    boxes = top_boxes(path)
    moovs = [box for box in boxes if box.kind == b"moov"]
    if len(moovs) != 1:
        raise ValueError(f"{path}: not an MP4 file with one moov box")
    tracks = [box for box in moovs[0].children if box.kind == b"trak"]
    if len(tracks) != 1:
        raise ValueError(f"{path}: {len(tracks)} tracks instead of one")
    stbl = tracks[0].find("mdia/minf/stbl")
    unknown = {box.kind for box in stbl.children} - TABLES
    if unknown:
        raise ValueError(f"{path}: sample tables {unknown} are not understood")
    return boxes, moovs[0], stbl


def read_track(path: Path) -> Track:
    _, _, stbl = movie(path)
    sizes = sample_sizes(stbl)
    return Track(
        sizes=sizes,
        offsets=sample_offsets(stbl, sizes),
        pts=sample_pts(stbl),
        keys=[row[0] - 1 for row in entries(stbl.find("stss"), ">I")],
        description=stbl.find("stsd").payload,
    )


def scale_field(box: Box, at: int, times: Fraction) -> None:
    """Multiplies the 32-bit field at `at` of a version 0 box."""
    if box.payload[0] != 0:
        raise ValueError(f"{box.kind.decode()} box of version {box.payload[0]}")
    (value,) = struct.unpack_from(">I", box.payload, at)
    packed = struct.pack(">I", round(value * times))
    box.payload = box.payload[:at] + packed + box.payload[at + 4 :]


def scale_durations(moov: Box, times: Fraction) -> None:
    track = moov.find("trak")
    scale_field(moov.find("mvhd"), 16, times)
    scale_field(track.find("tkhd"), 20, times)
    scale_field(track.find("mdia/mdhd"), 16, times)
    if any(box.kind == b"edts" for box in track.children):
        edits = track.find("edts/elst")
        if len(entries(edits, ">IiI")) != 1:
            raise ValueError("more than one edit")
        scale_field(edits, 8, times)


def first_runs(rows: Iterable[tuple[int, ...]], samples: int) -> list[tuple[int, int]]:
    """The runs (count, value) of the first samples."""
    found = []
    for count, value in rows:
        taken = min(count, samples)
        if taken:
            found.append((taken, value))
        samples -= taken
    return found


def loop_tables(stbl: Box, samples: int, times: int) -> None:
    """Repeats the first samples in every table; they are one chunk each time."""
    sizes = sample_sizes(stbl)[:samples] * times
    for box in stbl.children:
        if box.kind in (b"stts", b"ctts"):
            put_entries(box, ">Ii", first_runs(entries(box, ">Ii"), samples) * times)
        elif box.kind == b"stss":
            keys = [key for (key,) in entries(box, ">I") if key <= samples]
            keyed = [(key + i * samples,) for i in range(times) for key in keys]
            put_entries(box, ">I", keyed)
        elif box.kind == b"stsc":
            put_entries(box, ">III", [(1, samples, 1)])
        elif box.kind == b"sdtp":
            box.payload = box.payload[:4] + box.payload[4 : 4 + samples] * times
        elif box.kind == b"stsz":
            head = box.payload[:4] + struct.pack(">II", 0, len(sizes))
            box.payload = head + struct.pack(f">{len(sizes)}I", *sizes)


def loop(source: Path, target: Path, times: int, samples: int) -> None:
    """Writes the first samples of `source`, so many times in a row, moov first."""
    boxes, moov, stbl = movie(source)
    sizes, pts = sample_sizes(stbl), sample_pts(stbl)
    if samples > len(sizes) or max(pts[:samples]) > min(pts[samples:], default=2**63):
        raise ValueError(f"{source}: cannot be cut behind {samples} samples")
    data, places = source.read_bytes(), sample_offsets(stbl, sizes)
    places = places[:samples]
    body = b"".join(data[a : a + n] for a, n in zip(places, sizes, strict=False))
    loop_tables(stbl, samples, times)
    scale_durations(moov, Fraction(times * samples, len(sizes)))

    table = stbl.find("stco")
    put_entries(table, ">I", [(0,)] * times)
    ftyp = next(box for box in boxes if box.kind == b"ftyp").encode()
    first = len(ftyp) + len(moov.encode()) + 8
    if first + len(body) * times >= 2**32:
        raise ValueError(f"{target}: more than 4 GiB")
    put_entries(table, ">I", [(first + i * len(body),) for i in range(times)])
    with target.open("wb") as file:
        file.write(ftyp + moov.encode())
        file.write(struct.pack(">I4s", len(body) * times + 8, b"mdat"))
        for _ in range(times):
            file.write(body)


def parameter_sets(description: bytes) -> tuple[bytes, int]:
    """The parameter sets as Annex B, and the bytes of a sample's length fields."""
    kind = description[12:16]
    if kind == b"avc1":
        config = description[description.index(b"avcC") + 4 :]
        return avc_sets(config), (config[4] & 3) + 1
    if kind == b"hvc1":
        config = description[description.index(b"hvcC") + 4 :]
        return hevc_sets(config), (config[21] & 3) + 1
    raise ValueError(f"samples of kind {kind!r} are not understood")


def read_units(config: bytes, at: int, count: int) -> tuple[bytes, int]:
    units = b""
    for _ in range(count):
        (size,) = struct.unpack_from(">H", config, at)
        units += b"\0\0\0\1" + config[at + 2 : at + 2 + size]
        at += 2 + size
    return units, at


def avc_sets(config: bytes) -> bytes:
    sequence, at = read_units(config, 6, config[5] & 31)
    picture, _ = read_units(config, at + 1, config[at])
    return sequence + picture


def hevc_sets(config: bytes) -> bytes:
    """The VPS, SPS and PPS; the encoder's own text (SEI) is left out."""
    sets, at = b"", 23
    for _ in range(config[22]):
        kind = config[at] & 63
        (count,) = struct.unpack_from(">H", config, at + 1)
        units, at = read_units(config, at + 3, count)
        sets += units if kind in (32, 33, 34) else b""
    return sets


def sample_units(sample: bytes, length: int) -> Iterator[bytes]:
    at = 0
    while at < len(sample):
        size = int.from_bytes(sample[at : at + length], "big")
        at += length
        if at + size > len(sample):
            raise ValueError("a sample is shorter than its units say")
        yield sample[at : at + size]
        at += size


def annexb(source: Path, target: Path) -> None:
    """Writes the samples as Annex B, the parameter sets before each key picture."""
    track = read_track(source)
    sets, length = parameter_sets(track.description)
    data, keys = source.read_bytes(), set(track.keys)
    with target.open("wb") as file:
        for i, (at, size) in enumerate(zip(track.offsets, track.sizes, strict=True)):
            if i in keys:
                file.write(sets)
            for unit in sample_units(data[at : at + size], length):
                file.write(b"\0\0\0\1" + unit)
