"""Which device decodes what, and that its planes are right."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Clips, Opener, frame_md5
from paff import paff

import gvdecode
from gvdecode import _core

DEEP = {"hevc_10bit.mp4": ("hevc", 10, "4:2:0")}
INEXACT = {
    "mpeg1.mpg": "mpeg1video",
    "mpeg2.ts": "mpeg2video",
    "mpeg4.avi": "mpeg4",
    "mjpeg.avi": "mjpeg",
}


def gpu_decodes(codec: str, depth: int, chroma: str) -> bool:
    """Whether the first GPU's NVDEC says so."""
    return any(
        (entry["codec"], entry["bit_depth"], entry["chroma"]) == (codec, depth, chroma)
        for entry in _core.cuda_describe(0)["codecs"]
    )


@pytest.mark.parametrize("name", DEEP)
def test_deep_planes_come_from_nvdec_with_samples_in_the_low_bits(
    opened: Opener, clips: Clips, device: str, name: str
) -> None:
    video = opened(name, pixel_format="native")
    if device == "cuda":
        assert video.backend == ("nvdec" if gpu_decodes(*DEEP[name]) else "cpu")
    md5s, _ = clips.reference(name)
    frames = list(video)
    assert [frame_md5(frame) for frame in frames] == md5s
    assert {frame.backend for frame in frames} == {video.backend}
    largest = max(int(frame.planes[0].numpy().max()) for frame in frames)
    assert 255 < largest < 1024
    picked = video.get_frames_at([41, 3])
    assert [frame_md5(frame) for frame in picked] == [md5s[41], md5s[3]]


@pytest.mark.parametrize("name", DEEP)
def test_rgb_of_deep_streams_is_the_same_on_both_devices(
    opened: Opener, clips: Clips, device: str, name: str
) -> None:
    video = opened(name, dtype="uint16")
    if device == "cuda":
        assert video.backend == ("nvdec" if gpu_decodes(*DEEP[name]) else "cpu")
    with gvdecode.VideoDecoder(clips.path(name), device="cpu", dtype="uint16") as other:
        for ours, theirs in zip(video.batches(16), other.batches(16), strict=True):
            assert set(ours.backend) == {video.backend}
            assert np.array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("name", INEXACT)
def test_what_leaves_rounding_open_is_the_cpus_unless_allowed(
    opened: Opener, clips: Clips, device: str, name: str
) -> None:
    if device == "cuda":
        video = opened(name)
        assert video.backend == "cpu"
        assert "allow_inexact" in (video.fallback_reason or "")
    allowed = opened(name, pixel_format="native", allow_inexact=True)
    if device == "cuda":
        here = gpu_decodes(INEXACT[name], 8, "4:2:0")
        assert allowed.backend == ("nvdec" if here else "cpu")
    with gvdecode.VideoDecoder(
        clips.path(name), device="cpu", pixel_format="native"
    ) as exact:
        expected, found = list(exact), list(allowed)
    assert {frame.backend for frame in found} == {allowed.backend}
    assert [frame.pts for frame in found] == [frame.pts for frame in expected]
    distance = [
        np.abs(a.numpy().astype(int) - b.numpy()).mean()
        for left, right in zip(found, expected, strict=True)
        for a, b in zip(left.planes, right.planes, strict=True)
    ]
    print(f"{name} on {device}: {max(distance):.3f} levels away at most")
    assert max(distance) < (2 if device == "cuda" else 1e-9)


def test_fields_in_packets_of_their_own_are_frames(device: str, tmp_path: Path) -> None:
    path = tmp_path / "paff.h264"
    path.write_bytes(paff(frames=30))
    found = {}
    for name in ("cpu", device):
        with gvdecode.VideoDecoder(
            path, device=name, pixel_format="native", fallback="silent"
        ) as video:
            found[name] = [frame_md5(frame) for frame in video]
            assert len(video) == 30
            assert [frame_md5(video[number]) for number in (29, 4)] == [
                found[name][29],
                found[name][4],
            ]
    assert len(found["cpu"]) == 30
    assert found[device] == found["cpu"]
