"""MP4 files with two sample descriptions, which ffmpeg does not write."""

import struct
from fractions import Fraction
from pathlib import Path

from benchmarks import mp4


def samples(path: Path) -> bytes:
    track, data = mp4.read_track(path), path.read_bytes()
    places = zip(track.offsets, track.sizes, strict=True)
    return b"".join(data[at : at + size] for at, size in places)


def join(first: Path, second: Path, target: Path) -> None:
    """Writes the frames of both, each with the decoder configuration it had."""
    boxes, moov, stbl = mp4.movie(first)
    _, _, more = mp4.movie(second)
    bodies = [samples(path) for path in (first, second)]
    sizes = [mp4.sample_sizes(table) for table in (stbl, more)]
    for name in ("stts", "ctts"):
        rows = [mp4.entries(table.find(name), ">Ii") for table in (stbl, more)]
        mp4.put_entries(stbl.find(name), ">Ii", [*rows[0], *rows[1]])
    keys = [(key + len(sizes[0]),) for (key,) in mp4.entries(more.find("stss"), ">I")]
    keys = [*mp4.entries(stbl.find("stss"), ">I"), *keys]
    mp4.put_entries(stbl.find("stss"), ">I", keys)

    both = stbl.find("stsd").payload[8:] + more.find("stsd").payload[8:]
    stbl.find("stsd").payload = struct.pack(">II", 0, 2) + both
    counts = [len(part) for part in sizes]
    stbl.find("stsz").payload = struct.pack(
        f">III{sum(counts)}I", 0, 0, sum(counts), *sizes[0], *sizes[1]
    )
    runs = [(number, count, number) for number, count in enumerate(counts, 1)]
    mp4.put_entries(stbl.find("stsc"), ">III", runs)
    mp4.scale_durations(moov, Fraction(sum(counts), counts[0]))

    ftyp = next(box for box in boxes if box.kind == b"ftyp").encode()
    mdat = mp4.Box(b"mdat", b"".join(bodies)).encode()
    start = len(ftyp) + 8
    mp4.put_entries(stbl.find("stco"), ">I", [(start,), (start + len(bodies[0]),)])
    target.write_bytes(ftyp + mdat + moov.encode())
