"""Makes the reference MD5s that bench_exact.py compares with, by ffmpeg.

    python references.py CLIP_OR_FOLDER... --out DIR

One text file a clip, `<clip's file name>.md5`: lines that start with `#` name the
ffmpeg and the pixel format, then comes one MD5 a frame, of the tightly packed
planes. The frames are those that libavcodec gives by default for the file: edit
lists applied, none repeated or dropped to fit a rate, none scaled after a change
of size, none rotated.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".h264", ".264", ".hevc", ".265", ".ts"}


def clips_in(paths: list[Path]) -> Iterator[Path]:
    """The files named, and the videos right in the folders named."""
    for path in paths:
        if path.is_dir():
            inside = sorted(path.iterdir())
            yield from (file for file in inside if file.suffix in SUFFIXES)
        else:
            yield path


def pixel_format(clip: Path) -> str:
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0"]
    command += ["-show_entries", "stream=pix_fmt", "-of", "json", str(clip)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    streams = json.loads(done.stdout).get("streams", [])
    if not streams or "pix_fmt" not in streams[0]:
        raise ValueError(f"{clip}: no video")
    return str(streams[0]["pix_fmt"])


def frame_md5s(clip: Path, pixels: str) -> list[str]:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1"]
    command += ["-flags", "+bitexact", "-noautorotate", "-i", str(clip)]
    command += ["-map", "0:v:0", "-autoscale", "0", "-vsync", "passthrough"]
    command += ["-c:v", "rawvideo", "-pix_fmt", pixels, "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    return [line.rsplit(",", 1)[1].strip() for line in lines]


def ffmpeg_version() -> str:
    command = ["ffmpeg", "-version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()[2]


def write_reference(clip: Path, out: Path, version: str) -> None:
    pixels = pixel_format(clip)
    md5s = frame_md5s(clip, pixels)
    head = [f"# ffmpeg {version}", f"# pixel_format {pixels}"]
    target = out / f"{clip.name}.md5"
    target.write_text("\n".join([*head, *md5s]) + "\n")
    print(f"{target}: {len(md5s)} frames of {pixels}", flush=True)


def read_reference(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line[:1] != "#"]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+", help="files or folders")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    version, failed = ffmpeg_version(), 0
    for clip in clips_in(arguments.clips):
        try:
            write_reference(clip, arguments.out, version)
        except (ValueError, subprocess.CalledProcessError) as error:
            words = getattr(error, "stderr", "") or str(error)
            print(f"{clip}: no reference: {words.strip().splitlines()[-1]}")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
