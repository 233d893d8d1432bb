"""Makes the seeds of tests/fuzz/corpus that are clips: tiny ones of many kinds.

    python tests/fuzz/seeds.py

Needs ffmpeg. A seed of the decode target begins with the bytes that say which
output is asked for.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus" / "decode"

X264 = "-c:v libx264 -preset ultrafast -x264-params keyint=4:bframes=2:open-gop=0"
X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=4:open-gop=1"
CLIPS = {
    "h264.mp4": X264,
    "h264_fragments.mp4": f"{X264} -movflags frag_keyframe+empty_moov",
    "h264_10bit.mkv": f"{X264} -pix_fmt yuv420p10le",
    "h264.ts": X264,
    "h264.flv": X264,
    "h264.h264": X264,
    "h264_interlaced.mp4": f"{X264}:interlaced=1",
    "hevc.mp4": X265,
    "hevc.mkv": X265,
    "hevc_444.hevc": f"{X265} -pix_fmt yuv444p",
    "vp8.webm": "-c:v libvpx -g 4 -deadline realtime -cpu-used 8",
    "vp9.webm": "-c:v libvpx-vp9 -g 4 -deadline realtime -cpu-used 8",
    "vp9.ivf": "-c:v libvpx-vp9 -g 4 -deadline realtime -cpu-used 8",
    "av1.mp4": "-c:v libaom-av1 -cpu-used 8 -usage realtime -g 4",
    "mpeg1.mpg": "-c:v mpeg1video -g 4 -bf 2",
    "mpeg2.ts": "-c:v mpeg2video -g 4 -bf 2",
    "mpeg4.avi": "-c:v mpeg4 -g 4 -bf 2",
    "mjpeg.avi": "-c:v mjpeg -pix_fmt yuvj420p",
    "prores.mov": "-c:v prores_ks -pix_fmt yuv422p10le -q:v 20",
    "ffv1.nut": "-c:v ffv1 -pix_fmt gray",
    "png.mov": "-c:v png -pix_fmt rgb24",
    "theora.ogg": "-c:v libtheora -g 4",
    "raw.y4m": "-pix_fmt yuv420p -s 16x16",
    "apng.apng": "-f apng",
    "gif.gif": "",
}


def main() -> None:
    CORPUS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, encode) in enumerate(CLIPS.items()):
            clip = Path(folder) / name
            line = "ffmpeg -v error -nostdin -y -f lavfi -i"
            picture = "testsrc2=size=64x48:rate=25:duration=0.28"
            line = [*line.split(), picture, *encode.split(), "-threads", "1"]
            done = subprocess.run([*line, str(clip)], check=False)
            if done.returncode:
                print(f"{name}: this ffmpeg cannot make it")
                continue
            output = bytes([number * 37 % 256, number, 39, 31, number * 11 % 256])
            (CORPUS / name).write_bytes(output + clip.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
