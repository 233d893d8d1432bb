"""Makes the benchmark clips.

    python clips.py encode --out DIR     # needs ffmpeg with libx264 and libx265
    python clips.py derive --out DIR     # needs nothing but Python
    python clips.py check  --out DIR     # likewise; prints what the clips are

`encode` joins the five clips of the source folder (192 frames of each), scales
them to 1920x1080 at 30 fps, adds a little noise and writes five clips of 960
frames, and four of two seconds in sizes from 360p to 1080p. `derive` loops their
samples into long clips: for bench_sequential.py `*_long.mp4` (3,840 frames) and the
Annex B stream that the ceiling reads; for bench_access.py `*_50s.mp4`, `*_10min.mp4`
and `*_1h.mp4` (2.3 GB), of whole GOPs of 250; for bench_seed.py `*_5520frames.mp4` and
`*_9300frames.mp4`; for the load and the peers what of these they need, and shorter
ones. It is a step of its own so that only the clips of 960 frames and the short ones
have to travel to a machine that has no ffmpeg.
"""

from __future__ import annotations

import argparse
import subprocess
from dataclasses import dataclass
from itertools import chain, cycle, pairwise
from pathlib import Path

import mp4

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT.parent / "shared" / "media" / "clips"

FRAMES = 960
WHOLE = 750  # frames of the whole GOPs of 250

X264 = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "5M", "-bf", "2"]
X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-b:v", "3M", "-tag:v", "hvc1"]


def x264(gop: int, more: str = "") -> list[str]:
    fixed = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0{more}"
    return [*X264, "-x264-params", fixed]


def x265(gop: int, open_gop: int) -> list[str]:
    fixed = (
        f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop={open_gop}"
        ":bframes=2:log-level=error"
    )
    return [*X265, "-x265-params", fixed]


# Name of the clip -> (encoder options, frames from one key frame to the next).
CLIPS: dict[str, tuple[list[str], int]] = {
    "h264_gop30": (x264(30), 30),
    "hevc_gop30": (x265(30, 0), 30),
    "hevc_opengop30": (x265(30, 1), 30),
    "h264_gop250": (x264(250), 250),
    "h264_gop250_nopyramid": (x264(250, ":b-pyramid=none"), 250),
}


SHORT_FRAMES = 60
SHORT = {  # name of the clip -> width, height, bit rate
    "short_360p": (640, 360, "800k"),
    "short_480p": (854, 480, "1500k"),
    "short_720p": (1280, 720, "3M"),
    "short_1080p": (1920, 1080, "5M"),
}


@dataclass(frozen=True)
class Loop:
    """The first frames of a clip, several times in a row."""

    clip: str
    suffix: str
    times: int
    frames: int

    def path(self, out: Path) -> Path:
        return out / f"{self.clip}_{self.suffix}.mp4"


STREAMS = ("h264_gop30", "hevc_gop30", "hevc_opengop30", "h264_gop250")
LOOPS = {
    "sequential": [Loop(clip, "long", 4, FRAMES) for clip in STREAMS],
    "access": [
        Loop("h264_gop250", "50s", 2, WHOLE),
        Loop("h264_gop250", "10min", 24, WHOLE),
        Loop("h264_gop250", "1h", 144, WHOLE),
        Loop("h264_gop250_nopyramid", "50s", 2, WHOLE),
        Loop("h264_gop250_nopyramid", "10min", 24, WHOLE),
    ],
    "load": [Loop(clip, "2s", 1, 60) for clip in ("h264_gop30", "hevc_gop30")],
    "peers": [Loop("h264_gop250", "50s", 2, WHOLE)],
    "seed": [
        Loop("h264_gop30", "5520frames", 8, 690),
        Loop("h264_gop30", "9300frames", 10, 930),
    ],
}
# What the ceiling reads, as Annex B.
CEILINGS = {"sequential": STREAMS, "load": STREAMS[:2], "peers": STREAMS[:2]}


def filter_graph(inputs: int) -> str:
    """The joined, scaled and noisy picture of `inputs` source clips."""
    each = FRAMES // inputs
    parts = [
        f"[{i}:v]fps=30,trim=end_frame={each},setpts=PTS-STARTPTS,"
        f"scale=1920:1080:flags=bicubic,setsar=1,format=yuv420p[v{i}]"
        for i in range(inputs)
    ]
    labels = "".join(f"[v{i}]" for i in range(inputs))
    parts.append(f"{labels}concat=n={inputs}:v=1,noise=alls=4:allf=t[out]")
    return ";".join(parts)


COLOURS = ["-color_range", "tv", "-colorspace", "bt709"]
COLOURS += ["-color_primaries", "bt709", "-color_trc", "bt709"]


def run_ffmpeg(target: Path, sources: list[Path], arguments: list[str]) -> None:
    if target.exists():
        print(f"{target} is there already")
        return
    partial = target.with_suffix(".partial.mp4")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y"]
    for source in sources:
        command += ["-i", str(source)]
    command += [*arguments, *COLOURS, "-movflags", "+faststart", str(partial)]
    subprocess.run(command, check=True)
    partial.rename(target)
    print(f"{target} made")


def encode(sources: Path, out: Path) -> None:
    clips = sorted(sources.glob("*.mp4"))
    if not clips or FRAMES % len(clips):
        raise SystemExit(f"{sources}: {len(clips)} clips do not divide {FRAMES} frames")
    for name, (options, _) in CLIPS.items():
        graph = ["-filter_complex", filter_graph(len(clips)), "-map", "[out]"]
        arguments = [*graph, *options, "-frames:v", str(FRAMES)]
        run_ffmpeg(out / f"{name}.mp4", clips, arguments)
    for clip, (name, (width, height, rate)) in zip(cycle(clips), SHORT.items()):
        picture = f"fps=30,scale={width}:{height}:flags=bicubic,setsar=1,format=yuv420p"
        arguments = ["-vf", picture, *x264(30), "-b:v", rate]
        arguments += ["-an", "-map_metadata", "-1", "-frames:v", str(SHORT_FRAMES)]
        run_ffmpeg(out / f"{name}.mp4", [clip], arguments)


def derive(out: Path, bench: str) -> None:
    for loop in LOOPS[bench]:
        clip = out / f"{loop.clip}.mp4"
        if clip.exists():
            mp4.loop(clip, loop.path(out), loop.times, loop.frames)
        else:
            print(f"{clip} is missing, left out")
    for name in CEILINGS.get(bench, ()):
        clip = out / f"{name}.mp4"
        if clip.exists():
            mp4.annexb(clip, clip.with_suffix(f".{name.split('_')[0]}"))


def check_clip(path: Path, each: int, times: int, gop: int) -> str:
    """One line about `each` frames so many times; ValueError if they are not that."""
    track, frames = mp4.read_track(path), each * times
    if len(track.sizes) != frames:
        raise ValueError(f"{path}: {len(track.sizes)} frames instead of {frames}")
    shown = sorted(track.pts)
    steps = {b - a for a, b in pairwise(shown)}
    if len(steps) != 1 or min(steps) <= 0:
        raise ValueError(f"{path}: frames are not one step apart: {sorted(steps)[:4]}")
    wanted = set()
    for base in range(0, frames, each):
        wanted |= set(range(base, base + each, gop))
    numbers = {pts: number for number, pts in enumerate(shown)}
    keys = {numbers[track.pts[i]] for i in track.keys}
    if keys != wanted:
        raise ValueError(f"{path}: key frames are not every {gop} frames")
    size = path.stat().st_size / 2**20
    return f"{path.name:31} {size:6.1f} MiB {frames:6} frames, {len(keys):3} key frames"


def check(out: Path) -> None:
    parts = [(out / f"{name}.mp4", FRAMES, 1, gop) for name, (_, gop) in CLIPS.items()]
    parts += [(out / f"{name}.mp4", SHORT_FRAMES, 1, 30) for name in SHORT]
    for loop in set(chain(*LOOPS.values())):
        parts.append((loop.path(out), loop.frames, loop.times, CLIPS[loop.clip][1]))
    for path, *facts in sorted(parts):
        if path.exists():
            print(check_clip(path, *facts))
        else:
            print(f"{path.name:31} is missing")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("step", choices=("encode", "derive", "check"))
    parser.add_argument("--out", type=Path, required=True, help="folder of the clips")
    parser.add_argument(
        "--sources", type=Path, default=SOURCES, help=f"source clips ({SOURCES})"
    )
    parser.add_argument(
        "--for",
        dest="benches",
        nargs="+",
        choices=tuple(LOOPS),
        default=tuple(LOOPS),
        help="what derive makes; default: all",
    )
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.step == "encode":
        encode(arguments.sources, arguments.out)
    elif arguments.step == "derive":
        for bench in arguments.benches:
            derive(arguments.out, bench)
    else:
        check(arguments.out)


if __name__ == "__main__":
    main()
