"""Damaged files give frames or a typed error, and only what is damaged differs.

tests/mutate.py makes the copies; `make mutate` reads 10,000 of them.
"""

import random
from collections.abc import Callable
from pathlib import Path

import mutate
import pytest
from conftest import Clips, frame_md5

import gvdecode

av = pytest.importorskip("av")

COPIES = 100
CLIPS = ("h264.mp4", "h264.ts", "hevc_open.mp4", "vp9_odd.webm", "mpeg4.avi")


def test_damaged_copies_give_frames_or_an_error(clips: Clips) -> None:
    paths = [clips.path(name) for name in CLIPS]
    assert mutate.run(paths, COPIES, seed=0, failures=None) == 0


def test_the_same_seed_makes_the_same_copy() -> None:
    data = bytes(range(256)) * 99
    made = [mutate.damage(data, random.Random(seed)) for seed in range(200)]
    assert made == [mutate.damage(data, random.Random(seed)) for seed in range(200)]
    assert {kind for kind, _ in made} == set(mutate.DAMAGES)
    assert sum(copy != data for _, copy in made) > 190


def packets(path: Path) -> list[tuple[int, int, bool]]:
    """Where each packet lies in the file, its size, and whether it is key."""
    with av.open(str(path)) as container:
        demuxed = container.demux(video=0)
        return [(p.pos, p.size, p.is_keyframe) for p in demuxed if p.size]


@pytest.mark.parametrize("name", ["h264.mp4", "hevc.mp4"])
@pytest.mark.parametrize("seed", range(4))
def test_bit_flips_in_one_gop_leave_the_others_exact(
    tmp_path: Path, clips: Clips, device: str, name: str, seed: int
) -> None:
    dice = random.Random(seed)
    path = clips.path(name)
    found = packets(path)
    keys = [number for number, packet in enumerate(found) if packet[2]]
    assert keys == [0, 12, 24, 36, 48]  # closed GOPs: their frames in this order
    data = bytearray(path.read_bytes())
    first = dice.choice(keys[:-1])
    for position, size, _ in found[first : first + 12]:
        # Not in the unit's length and header: those end the packet.
        data[position + dice.randrange(size // 2, size)] ^= 1 << dice.randrange(8)
    broken = tmp_path / name
    broken.write_bytes(data)
    check_others(broken, device, clips.reference(name)[0], first)


def check_others(path: Path, device: str, whole: list[str], first: int) -> None:
    def same(md5: Callable[[int], str], numbers: range) -> bool:
        return all(md5(number) == whole[number] for number in numbers)

    with gvdecode.VideoDecoder(
        path, device=device, pixel_format="native", fallback="silent"
    ) as video:
        frames = [frame_md5(frame) for frame in video]
        assert len(frames) <= len(whole)
        behind = len(whole) - first - 12
        assert frames[:first] == whole[:first]
        assert frames[first : len(frames) - behind] != whole[first : first + 12]
        assert frames[-behind:] == whole[-behind:]
        # By number from the end: the damaged GOP may have fewer frames.
        assert len(video) == len(frames)
        assert same(lambda number: frame_md5(video[number]), range(first))
        assert same(
            lambda number: frame_md5(video[number - len(whole)]),
            range(first + 12, len(whole)),
        )
