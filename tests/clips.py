"""Tiny clips and the MD5 of every frame that ffmpeg decodes from them.

    python tests/clips.py FOLDER

makes them beforehand for a machine without ffmpeg, which then reads them with
GVDECODE_CLIPS=FOLDER. Beside each clip lies CLIP.md5, a line a frame: the MD5
of the planes as ffmpeg's rawvideo writes them, and the pts in seconds.
"""

import subprocess
import sys
from pathlib import Path

import film

# Motion, detail and a change of scene, so that a wrong reference shows.
PICTURE = "testsrc2=size={size}:rate=25:duration={seconds},format={format}"
FRAMES = 60
COFFEE = Path(__file__).resolve().parents[1] / "examples/media/04_coffee.mp4"

X264 = "-c:v libx264 -preset veryfast -threads 2 -bf 3 -x264-params"
X265 = "-c:v libx265 -preset ultrafast -bf 3 -x265-params log-level=error:pools=1"


def command(
    encode: str, size: str = "320x240", pixels: str = "yuv420p", frames: int = FRAMES
) -> list[str]:
    picture = PICTURE.format(size=size, seconds=frames / 25, format=pixels)
    return ["-f", "lavfi", "-i", picture, *encode.split()]


VIDEOS = {
    "h264.mp4": command(f"{X264} keyint=12:scenecut=0:b-pyramid=normal:open-gop=0"),
    "h264_open.mp4": command(
        f"{X264} keyint=12:scenecut=0:b-pyramid=strict:open-gop=1"
    ),
    "h264_one_gop.mp4": command(f"{X264} keyint=infinite:scenecut=0"),
    "h264_intra.mp4": command("-c:v libx264 -preset veryfast -g 1"),
    "h264_crop.mkv": command(f"{X264} keyint=12:open-gop=0", size="322x182"),
    "h264_10bit.mp4": command(f"{X264} keyint=12:open-gop=0", pixels="yuv420p10le"),
    "h264_444.mp4": command(f"{X264} keyint=12:open-gop=0", pixels="yuv444p"),
    "h264.ts": command(f"{X264} keyint=12:scenecut=0:open-gop=0"),
    "h264.h264": command(f"{X264} keyint=12:scenecut=0:open-gop=0"),
    "hevc.mp4": command(f"{X265}:keyint=12:scenecut=0:open-gop=0"),
    "hevc_open.mp4": command(f"{X265}:keyint=12:scenecut=0:open-gop=1"),
    "hevc_10bit.mp4": command(f"{X265}:keyint=12:open-gop=0", pixels="yuv420p10le"),
    "vp8.webm": command("-c:v libvpx -g 12 -b:v 400k -deadline realtime -cpu-used 8"),
    "vp9.webm": command("-c:v libvpx-vp9 -g 12 -deadline realtime -cpu-used 8"),
    "vp9_odd.webm": command(
        "-c:v libvpx-vp9 -g 12 -deadline realtime -cpu-used 8", size="161x121"
    ),
    "mpeg1.mpg": command("-c:v mpeg1video -g 12 -bf 2 -q:v 4"),
    "mjpeg.avi": command("-c:v mjpeg -q:v 4", pixels="yuvj420p"),
    "mpeg2.ts": command("-c:v mpeg2video -g 12 -bf 2 -q:v 4"),
    "mpeg4.avi": command("-c:v mpeg4 -g 12 -bf 2 -q:v 4"),
    "full_range.mp4": command(
        f"{X264} keyint=12:open-gop=0:fullrange=on:colormatrix=bt709 "
        "-color_range pc -colorspace bt709",
        pixels="yuvj420p",
    ),
}

# No references: nothing of these decodes, or they are only there to be read.
OTHERS = {
    "audio.m4a": ["-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac"],
    "sound.mp4": [
        "-f",
        "lavfi",
        "-i",
        "sine=duration=1",
        *command(f"{X264} keyint=12:open-gop=0", frames=25),
        "-c:a",
        "aac",
        "-map",
        "0:a",
        "-map",
        "1:v",
    ],
    "two_videos.mkv": [
        *command("", frames=25),
        *("-f", "lavfi", "-i", "sine=duration=1"),
        *("-map", "0:v", "-map", "0:v", "-map", "1:a", "-frames:v", "25"),
        *("-c:v:0", "mpeg4", "-c:v:1", "libx264", "-c:a", "aac"),
        *("-disposition:v:0", "0", "-disposition:v:1", "default"),
    ],
    # Two clips of different crops for one decoder; 322 is 336 with 14 cropped.
    "crop_a.mp4": command(f"{X264} keyint=12:open-gop=0", size="322x242", frames=24),
    "crop_b.mp4": command(f"{X264} keyint=12:open-gop=0", size="334x226", frames=24),
    # Other parameter sets than h264.mp4 has.
    "h264_cavlc.mp4": command(f"{X264} keyint=12:cabac=0:8x8dct=0:open-gop=0"),
    # No planes: there are no native frames of it.
    "packed.avi": command("-c:v rawvideo", pixels="rgb555le", frames=12),
    # Frames 20 and 21 at one time.
    "equal_pts.mkv": [
        *command(f"{X264} keyint=12:bframes=0:open-gop=0"),
        *("-bsf:v", "setts=ts=if(eq(N\\,21)\\,PREV_OUTPTS\\,TS)"),
    ],
    "long.mp4": command(f"{X264} keyint=25:open-gop=0", size="640x360", frames=400),
    # Of 640x368 that are coded 64x64 are shown.
    "cropped.mp4": [
        *command(f"{X264} keyint=25:open-gop=0", size="640x360", frames=400),
        *("-bsf:v", "h264_metadata=crop_right=576:crop_bottom=304"),
    ],
    "cropped_left.mp4": [
        *command(f"{X264} keyint=12:open-gop=0", size="640x368", frames=24),
        *("-bsf:v", "h264_metadata=crop_left=64:crop_top=64"),
    ],
    "cropped_hevc.mp4": [
        *command(f"{X265}:keyint=12:open-gop=0", size="640x368", frames=24),
        *("-bsf:v", "hevc_metadata=crop_left=320:crop_right=64:crop_top=64"),
    ],
    # As a raw stream that was copied into a container without looking at it: the
    # times rise in the order of decoding, and B frames are shown in another.
    "copied.mp4": [
        *command(f"{X264} keyint=12:scenecut=0:open-gop=0"),
        *("-bsf:v", "setts=pts=DTS"),
    ],
    # Joined between key frames: nothing tells the size for 1.6 s.
    "joined.ts": [
        *command(f"{X264} keyint=40:scenecut=0:open-gop=0"),
        *("-bsf:v", "noise=drop=not(n)"),
    ],
    # The real clip four times, for what the docs ask of a film.
    "film.mp4": [
        *("-stream_loop", "3", "-i", str(COFFEE), "-map", "0:v", "-c", "copy"),
    ],
    "cuts.mp4": film.command(),
}


def ffmpeg(*arguments: str) -> str:
    line = ["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(line)}\n{done.stderr}")
    return done.stdout


def make_clip(folder: Path, name: str) -> None:
    ffmpeg(*(VIDEOS | OTHERS)[name], str(folder / name))
    if name in VIDEOS:
        (folder / f"{name}.md5").write_text(reference(folder / name))


def reference(clip: Path) -> str:
    """A line a frame: MD5 and pts, by ffmpeg."""
    text = ffmpeg(
        *("-flags", "+bitexact", "-noautorotate", "-copyts", "-i", str(clip)),
        *("-map", "0:V:0", "-fps_mode", "passthrough", "-enc_time_base", "-1"),
        *("-f", "framemd5", "-"),
    )
    base = 0.0
    lines = []
    for line in text.splitlines():
        if line.startswith("#tb 0: "):
            num, den = line.removeprefix("#tb 0: ").split("/")
            base = int(num) / int(den)
        elif not line.startswith("#"):
            _, _, pts, _, _, md5 = (field.strip() for field in line.split(","))
            lines.append(f"{md5} {int(pts) * base:.6f}\n")
    return "".join(lines)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in VIDEOS | OTHERS:
        make_clip(folder, name)


if __name__ == "__main__":
    main()
