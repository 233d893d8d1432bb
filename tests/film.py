"""A film of five shots with hard cuts, joined from real clips and encoded anew."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CLIPS = sorted((ROOT.parent / "shared" / "media" / "clips").glob("*.mp4"))
COFFEE = ROOT / "examples" / "media" / "04_coffee.mp4"

LENGTHS = [43, 31, 50, 38, 28]  # frames of each shot
SKIPPED = 30  # frames at the start of each clip
RATE = 25

# Where there is one clip only, every shot shows it otherwise.
LOOKS = ["null", "negate", "crop=iw/3:ih/3:iw/2:ih/2", "hflip,hue=h=120", "vflip"]


def shots() -> list[tuple[int, int]]:
    """First and last frame of each."""
    ends = [sum(LENGTHS[: i + 1]) for i in range(len(LENGTHS))]
    return [(end - length, end - 1) for end, length in zip(ends, LENGTHS, strict=True)]


def command() -> list[str]:
    """What ffmpeg makes it with, but for the file's name."""
    several = len(CLIPS) >= len(LENGTHS)
    sources = CLIPS[: len(LENGTHS)] if several else [COFFEE] * len(LENGTHS)
    looks = ["null"] * len(LENGTHS) if several else LOOKS
    inputs = [word for path in sources for word in ("-i", str(path))]
    chains = [
        f"[{i}:v]trim=start_frame={SKIPPED}:end_frame={SKIPPED + length},{look},"
        f"scale=640:360,setsar=1,settb=1/{RATE},setpts=N[v{i}]"
        for i, (length, look) in enumerate(zip(LENGTHS, looks, strict=True))
    ]
    labels = "".join(f"[v{i}]" for i in range(len(LENGTHS)))
    joined = f"{labels}concat=n={len(LENGTHS)},fps={RATE}[film]"
    graph = ["-filter_complex", ";".join([*chains, joined]), "-map", "[film]"]
    encode = "-c:v libx264 -preset veryfast -threads 2 -bf 3 -crf 23 -pix_fmt yuv420p"
    return [*inputs, *graph, *encode.split()]
