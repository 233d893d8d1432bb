"""Arguments, metadata and errors as the documentation promises them."""

import logging
import threading
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import Clips, Opener

import gvdecode
from gvdecode import _core, arguments, decoder


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cpu", (1, 0)),
        ("auto", (0, 0)),
        ("cuda:1", (2, 1)),
        (3, (2, 3)),
        (SimpleNamespace(type="cuda", index=2), (2, 2)),
        (SimpleNamespace(type="cpu", index=None), (1, 0)),
    ],
)
def test_a_device_is_a_string_an_int_or_a_torch_device(
    value: object, expected: tuple[int, int]
) -> None:
    assert arguments.device(value) == expected


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"device": "gpu"}, ValueError, '"auto", "cpu", "cuda"'),
        ({"device": "cuda:"}, ValueError, "cuda:N"),
        ({"device": -1}, ValueError, "cuda:N"),
        ({"device": 1.5}, TypeError, "float"),
        ({"device": None}, TypeError, "NoneType"),
        ({"pixel_format": "rgb"}, ValueError, '"rgb24", "bgr24", "gray8", "native"'),
        ({"pixel_format": None}, TypeError, '"rgb24", "bgr24", "gray8", "native"'),
        ({"dimension_order": "HWC"}, ValueError, '"NCHW", "NHWC"'),
        ({"fallback": "maybe"}, ValueError, '"warn", "error", "silent"'),
        ({"sessions": 0}, ValueError, "sessions"),
        ({"sessions": "many"}, ValueError, '"auto"'),
        ({"sessions": 1.0}, TypeError, "sessions"),
        ({"memory_limit": 0}, ValueError, "memory_limit"),
        ({"memory_limit": "1G"}, TypeError, "memory_limit"),
        ({"stream_index": -1}, ValueError, "stream_index"),
        ({"stream_index": 2.3}, TypeError, "stream_index"),
        ({"stream_index": 9}, ValueError, "9"),
    ],
)
def test_a_bad_argument_names_the_good_ones(
    clips: Clips, options: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        gvdecode.VideoDecoder(clips.path("h264.mp4"), **options)


def test_the_index_of_a_stream_that_is_no_video_is_refused(clips: Clips) -> None:
    assert gvdecode.VideoDecoder(clips.path("sound.mp4")).metadata.stream_index == 1
    with pytest.raises(ValueError, match="stream_index 0"):
        gvdecode.VideoDecoder(clips.path("sound.mp4"), stream_index=0)


def test_a_null_byte_in_a_path_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="null"):
        gvdecode.VideoDecoder("film\0.mp4")


@pytest.mark.parametrize(
    ("size", "error"), [(0, ValueError), (-3, ValueError), (2.0, TypeError)]
)
def test_a_bad_batch_size_is_refused_before_decoding(
    opened: Opener, size: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match="batch_size"):
        opened("h264.mp4").batches(size)


def test_numpy_integers_are_numbers_too(opened: Opener) -> None:
    video = opened("h264.mp4", stream_index=np.int64(0), sessions=np.uint8(2))
    assert len(next(video.batches(np.int32(5)))) == 5


def test_names_that_look_like_urls_are_files(clips: Clips, tmp_path: Path) -> None:
    for name in ("http:film.mp4", "a:b.mp4", "ünïcode \udcff.mp4", "%03d.mp4"):
        path = tmp_path / name
        path.write_bytes(clips.path("h264.mp4").read_bytes())
        with gvdecode.VideoDecoder(path, device="cpu") as video:
            assert len(next(video.batches(2))) == 2


def test_metadata_is_what_the_header_says(opened: Opener) -> None:
    meta = opened("h264.mp4").metadata
    assert (meta.width, meta.height, meta.codec) == (320, 240, "h264")
    assert (meta.stream_index, meta.pixel_format) == (0, "yuv420p")
    assert meta.num_frames_from_header == 60
    assert meta.duration_seconds_from_header == pytest.approx(2.4)
    assert meta.average_fps_from_header == 25
    assert meta.begin_stream_seconds_from_header == 0
    assert meta.rotation is None
    with pytest.raises(AttributeError):
        meta.width = 3  # type: ignore[misc]


def test_colour_tags_are_ffmpegs_words(opened: Opener) -> None:
    meta = opened("full_range.mp4").metadata
    assert (meta.color_space, meta.color_range) == ("bt709", "pc")
    assert opened("h264.mp4").metadata.color_primaries is None


def test_the_backend_is_known_right_after_opening(opened: Opener, device: str) -> None:
    video = opened("h264.mp4")
    assert video.backend == ("cpu" if device == "cpu" else "nvdec")
    assert video.fallback_reason is None
    assert video.device == ("cpu" if device == "cpu" else "cuda:0")


def test_stats_say_what_the_latest_reading_did(opened: Opener) -> None:
    video = opened("h264.mp4", sessions=2)
    assert video.stats == gvdecode.DecodeStats()
    for _ in video.batches(8):
        assert video.stats.frames > 0
    stats = video.stats
    assert stats.frames == stats.packets == 60
    assert 1 <= stats.sessions <= 2
    assert stats.sessions_reason
    assert stats.bytes_held_max > 0
    video.close()
    assert video.stats.frames == 60


def without_gpu(
    monkeypatch: pytest.MonkeyPatch, reason: str | None, on: tuple[int, int]
) -> None:
    class Reader:
        backend, fallback_reason, device = "cpu", reason, on
        close = staticmethod(lambda: None)

        def __init__(self, url: bytes, source: object, **options: object) -> None: ...

    fake = SimpleNamespace(Reader=Reader, log_drain=_core.log_drain)
    monkeypatch.setattr(decoder, "_core", fake)


# A GPU that does not decode this stream, and a driver that "auto" cannot use.
FALLBACKS = pytest.mark.parametrize(
    ("device", "on"), [("cuda", (2, 0)), ("auto", (2, 0)), ("auto", (1, 0))]
)


@FALLBACKS
def test_a_fallback_is_a_warning_that_says_why(
    monkeypatch: pytest.MonkeyPatch, device: str, on: tuple[int, int]
) -> None:
    without_gpu(monkeypatch, "this is why", on)
    with pytest.warns(gvdecode.FallbackWarning, match="film: .* this is why") as told:
        gvdecode.VideoDecoder("film", device=device)
    assert told[0].filename == __file__


@FALLBACKS
def test_a_fallback_can_be_an_error_or_silent(
    monkeypatch: pytest.MonkeyPatch, device: str, on: tuple[int, int]
) -> None:
    without_gpu(monkeypatch, "this is why", on)
    with pytest.raises(gvdecode.UnsupportedError, match="this is why"):
        gvdecode.VideoDecoder("film", device=device, fallback="error")
    gvdecode.VideoDecoder("film", device=device, fallback="silent")


def test_auto_without_a_driver_is_no_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    without_gpu(monkeypatch, None, (1, 0))
    gvdecode.VideoDecoder("film", fallback="error")


def test_auto_without_a_gpu_is_silent(clips: Clips) -> None:
    if _core.cuda_device_count()[0]:
        pytest.skip("there is a GPU")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        video = gvdecode.VideoDecoder(clips.path("h264.mp4"), fallback="error")
    assert (video.device, video.backend) == ("cpu", "cpu")
    with pytest.raises(gvdecode.Error, match=r"CUDA|driver|GPU"):
        gvdecode.VideoDecoder(clips.path("h264.mp4"), device="cuda")


def test_a_closed_decoder_says_so(opened: Opener) -> None:
    video = opened("h264.mp4")
    video.close()
    video.close()
    for use in (lambda: video.batches(2), lambda: next(iter(video))):
        with pytest.raises(gvdecode.ClosedError, match="closed"):
            use()
    assert issubclass(gvdecode.ClosedError, ValueError)


def test_a_pipe_is_read_once(
    clips: Clips, fifo: Callable[[Path], Path], device: str
) -> None:
    path = fifo(clips.path("h264.ts"))
    with gvdecode.VideoDecoder(path, device=device, fallback="silent") as video:
        assert sum(len(batch) for batch in video.batches(7)) == 60
        with pytest.raises(gvdecode.UnsupportedError, match="pipe"):
            video.batches(7)


def test_the_cores_lines_go_to_logging(
    clips: Clips, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = bytearray(clips.path("h264.ts").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    damaged = tmp_path / "damaged.ts"
    damaged.write_bytes(data)
    with caplog.at_level(logging.DEBUG, logger="gvdecode"):
        for _ in gvdecode.VideoDecoder(damaged, device="cpu"):
            pass
    assert caplog.records


def test_one_version_everywhere() -> None:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    assert tomllib.loads(text)["project"]["version"] == gvdecode.__version__


def test_one_decoder_serves_several_threads(opened: Opener) -> None:
    video = opened("h264.mp4")
    counts: list[int] = []

    def read() -> None:
        counts.append(sum(len(batch) for batch in video.batches(9)))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert counts == [60] * 4


def test_one_reading_shared_by_threads_gives_each_frame_once(opened: Opener) -> None:
    shared = opened("h264.mp4").batches(3)
    lock = threading.Lock()
    times: list[float] = []

    def read() -> None:
        for batch in shared:
            with lock:
                times.extend(batch.pts_seconds)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(times) == pytest.approx([k / 25 for k in range(60)])
