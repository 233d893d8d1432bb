"""Servers: sound ones are read like files, all others end in a typed error in
time, and no playlist reaches further than it may."""

import itertools
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import Clips, close_while_another_thread_reads
from servers import Request, Server, broken, refuse, serving

import gvdecode

CLIPS = ["h264.mp4", "h264.ts", "vp9.webm", "long.mp4"]


@pytest.fixture
def server(clips: Clips, tmp_path: Path) -> Iterator[Server]:
    for name in CLIPS:
        shutil.copy(clips.path(name), tmp_path / name)
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(5).bytes(100_000))
    with serving(tmp_path) as running:
        yield running


def read(source: str, **options: object) -> np.ndarray:
    with gvdecode.VideoDecoder(source, device="cpu", **options) as video:
        return np.concatenate([batch.numpy() for batch in video.batches(16)])


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        *itertools.product(["whole", "part"], CLIPS),
        ("plain", "h264.ts"),
        ("plain", "vp9.webm"),
    ],
)
def test_a_web_server_gives_what_the_file_has(
    server: Server, clips: Clips, mode: str, name: str
) -> None:
    want = read(str(clips.path(name)))
    got = read(server.url(f"{mode}/{name}"), timeout=20)
    assert np.array_equal(got, want)


def test_frames_of_a_web_server_by_number(server: Server, clips: Clips) -> None:
    numbers = [300, 5, 5, 399]
    with gvdecode.VideoDecoder(clips.path("long.mp4"), device="cpu") as video:
        want = video.get_frames_at(numbers).numpy()
    with gvdecode.VideoDecoder(server.url("whole/long.mp4"), device="cpu") as video:
        assert np.array_equal(video.get_frames_at(numbers).numpy(), want)
        assert len(video) == 400
        assert video.metadata.codec == "h264"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("stall/h264.mp4", gvdecode.TimeoutError),
        ("stall/h264.ts", gvdecode.TimeoutError),
        ("trickle/h264.ts", gvdecode.TimeoutError),
        ("round/h264.mp4", gvdecode.OpenError),
        ("whole/noise.mp4", gvdecode.OpenError),
        ("refuse/h264.mp4", gvdecode.OpenError),
        # Its index is at the end, and the server knows no ranges.
        ("plain/h264.mp4", gvdecode.DecodeError),
    ],
)
def test_an_unsound_server_is_an_error_in_time(
    server: Server, path: str, error: type[Exception]
) -> None:
    start = time.monotonic()
    with pytest.raises(error, match=path):
        read(server.url(path), timeout=1)
    assert time.monotonic() - start < 2


def test_what_is_cut_off_is_no_end(server: Server) -> None:
    start = time.monotonic()
    with pytest.raises(gvdecode.Error, match=r"broken/h264\.ts"):
        read(server.url("broken/h264.ts"), timeout=1.5)
    assert time.monotonic() - start < 2.5


@pytest.mark.parametrize("name", ["mpeg2.ts", "h264.h264"])
def test_what_is_cut_off_has_no_length(server: Server, clips: Clips, name: str) -> None:
    """Of streams that are decoded for their index, too."""
    shutil.copy(clips.path(name), server.folder / name)
    with gvdecode.VideoDecoder(server.url(f"whole/{name}"), device="cpu") as video:
        sound = server.modes["whole"]
        served = 0

        def cut(request: Request, data: bytes) -> None:
            nonlocal served
            served += 1
            (broken if served > 1 else sound)(request, data)

        server.modes["whole"] = cut
        with pytest.raises(gvdecode.Error, match=name):
            len(video)
        server.modes["whole"] = sound
        assert len(video) == 60


def test_a_file_that_needs_ranges_says_so(server: Server) -> None:
    with pytest.raises(gvdecode.DecodeError, match=r"without ranges.*faststart"):
        read(server.url("plain/h264.mp4"))


def test_a_refusal_within_the_file_is_told(server: Server) -> None:
    sound = server.modes["whole"]

    def once(request: Request, data: bytes) -> None:
        (refuse if request.span(len(data))[0] else sound)(request, data)

    server.modes["whole"] = once
    with pytest.raises(gvdecode.Error, match=r"whole/h264\.mp4.*403"):
        read(server.url("whole/h264.mp4"))


def test_a_server_that_accepts_and_says_nothing(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for scheme in ("http", "rtsp", "tcp"):
            start = time.monotonic()
            with pytest.raises(gvdecode.TimeoutError, match="timeout="):
                gvdecode.VideoDecoder(f"{scheme}://127.0.0.1:{port}/a", timeout=0.5)
            assert time.monotonic() - start < 1.5


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    with pytest.raises(gvdecode.OpenError, match="refused"):
        gvdecode.VideoDecoder(f"tcp://127.0.0.1:{port}", timeout=5)


def test_a_server_that_fails_for_a_while_is_asked_until_the_time_is_over(
    server: Server,
) -> None:
    with pytest.raises(gvdecode.TimeoutError, match=r"\(HTTP error 503 "):
        gvdecode.VideoDecoder(server.url("busy/h264.mp4"), timeout=1)


def test_the_network_s_own_words_are_in_the_error() -> None:
    with pytest.raises(gvdecode.OpenError, match=r"resolve hostname nowhere\.invalid"):
        gvdecode.VideoDecoder("http://nowhere.invalid/a.mp4", timeout=20)
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    with pytest.raises(gvdecode.TimeoutError, match=r"timeout= allows .*refused"):
        gvdecode.VideoDecoder(f"http://127.0.0.1:{port}/a.mp4", timeout=0.5)


@pytest.mark.parametrize("scheme", ["s3", "htp"])
def test_a_protocol_that_ffmpeg_lacks_is_not_to_be_allowed(scheme: str) -> None:
    with pytest.raises(gvdecode.UnsupportedError, match=r"no protocol .*file object"):
        gvdecode.VideoDecoder(f"{scheme}://bucket/a.mp4")


def test_close_ends_a_wait_for_a_server(server: Server) -> None:
    enough_to_open = (server.folder / "h264.ts").read_bytes() * 20
    (server.folder / "many.ts").write_bytes(enough_to_open)
    video = gvdecode.VideoDecoder(server.url("stall/many.ts"), device="cpu", timeout=20)
    close_while_another_thread_reads(video)


def test_a_tcp_stream_is_read_once(clips: Clips) -> None:
    data = clips.path("h264.ts").read_bytes()
    want = read(str(clips.path("h264.ts")))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(data)

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with gvdecode.VideoDecoder(url, device="cpu", timeout=10) as video:
            with pytest.raises(gvdecode.UnsupportedError, match="a live stream"):
                len(video)
            got = np.concatenate([batch.numpy() for batch in video.batches(16)])
            with pytest.raises(gvdecode.UnsupportedError, match="only once"):
                video.batches(16)
        thread.join()
    assert np.array_equal(got, want)


# --- protocols and playlists ---


def playlist(*segments: str) -> str:
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:4", "#EXT-X-PLAYLIST-TYPE:VOD"]
    for segment in segments:
        lines += ["#EXTINF:2,", segment]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def test_an_hls_playlist_may_name_files_of_its_server(
    server: Server, clips: Clips
) -> None:
    (server.folder / "list.m3u8").write_text(playlist("../whole/h264.ts"))
    got = read(server.url("whole/list.m3u8"), timeout=10)
    assert np.array_equal(got, read(str(clips.path("h264.ts"))))


@pytest.mark.parametrize("other", ["host", "file", "concat"])
def test_a_playlist_reaches_no_further(server: Server, other: str) -> None:
    segment = {
        "host": server.url("whole/h264.ts", "localhost"),
        "file": f"file://{server.folder}/h264.ts",
        "concat": f"concat:{server.folder}/h264.ts",
    }[other]
    (server.folder / "list.m3u8").write_text(playlist(segment))
    with pytest.raises(gvdecode.Error, match="list"):
        read(server.url("whole/list.m3u8"), timeout=3)
    assert server.asked == ["/whole/list.m3u8"] * len(server.asked)


def test_protocols_allow_another_host(server: Server, clips: Clips) -> None:
    segment = server.url("whole/h264.ts", "localhost")
    (server.folder / "list.m3u8").write_text(playlist(segment))
    got = read(server.url("whole/list.m3u8"), protocols=["http"], timeout=10)
    assert np.array_equal(got, read(str(clips.path("h264.ts"))))


@pytest.mark.parametrize("kind", ["hls", "concat"])
def test_a_local_playlist_needs_protocols(
    server: Server, clips: Clips, kind: str
) -> None:
    path = server.folder / ("list.m3u8" if kind == "hls" else "list.txt")
    path.write_text(
        playlist("h264.ts") if kind == "hls" else "ffconcat version 1.0\nfile h264.ts\n"
    )
    with pytest.raises(gvdecode.UnsupportedError, match=r"playlist.*protocols="):
        gvdecode.VideoDecoder(path)
    # Newer versions of FFmpeg go by the name, which bytes have none of.
    with pytest.raises(gvdecode.Error, match=r"playlist|no video"):
        gvdecode.VideoDecoder(path.read_bytes())
    got = read(str(path), protocols="file")
    assert np.array_equal(got, read(str(clips.path("h264.ts"))))
    with gvdecode.VideoDecoder(path, protocols="file") as video:
        metadata = video.metadata
    assert metadata.num_frames == len(got)  # counted in the source, opened again


@pytest.mark.parametrize(
    "url",
    [
        "concat://a|b",
        "subfile://x",
        "data://x",
        "cache://x",
        "crypto://x",
        "ftp://h/x.mp4",
    ],
)
def test_other_protocols_must_be_allowed(url: str) -> None:
    with pytest.raises(gvdecode.UnsupportedError, match="protocols="):
        gvdecode.VideoDecoder(url)


def test_a_url_must_be_of_the_protocols(server: Server) -> None:
    with pytest.raises(gvdecode.UnsupportedError, match='"http" is not in'):
        gvdecode.VideoDecoder(server.url("whole/h264.mp4"), protocols=["https"])
    assert server.asked == []


@pytest.mark.parametrize("protocols", [[], ["HTTP"], ["a,b"], [b"http"], ""])
def test_bad_protocols_are_a_value_error(protocols: object) -> None:
    with pytest.raises(ValueError, match="protocols must be"):
        gvdecode.VideoDecoder("film.mp4", protocols=protocols)
    with pytest.raises(TypeError, match="protocols must be"):
        gvdecode.VideoDecoder("film.mp4", protocols=5)
