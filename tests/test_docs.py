"""README and docs/: every call runs, every quoted message, file and link is there.

A block of Python runs as it stands, in a folder with the files that it names and
with `gvdecode`, `np` and the names that `names` makes. What needs torch, a GPU or
ffmpeg runs where these are. `https://host/` and `rtsp://camera/stream` are servers
of this machine.
"""

import importlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Clips
from live import RtspServer
from servers import serving

import gvdecode
from gvdecode import _core

pages = pytest.importorskip("pages", reason="needs markdown-it-py")

GPU = _core.cuda_device_count()[0] > 0
TORCH = importlib.util.find_spec("torch") is not None
# What a piece of code needs, how it shows, and whether it is here.
NEEDS = [
    ("torch", r"\btorch\b|\bmodel\b" + (r"|\btensor\b" if GPU else ""), TORCH),
    ("a GPU", r'device="cuda|cuda\.', GPU),
    ("ffmpeg", r"rtsp:", shutil.which("ffmpeg") is not None),
]
FILE = r"(\.ci|benchmarks|csrc|docs|examples|gvdecode|packaging|tests)/[\w./*-]+"


def parametrize(parts: list[Any]) -> pytest.MarkDecorator:
    """Each a test of its own; those about the GPU are marked so."""
    params = [
        pytest.param(
            part,
            id=part.place,
            marks=[pytest.mark.gpu] if re.search(NEEDS[1][1], part.text) else [],
        )
        for part in parts
    ]
    assert params
    return pytest.mark.parametrize("part", params)


@pytest.fixture
def names(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, object]]:
    """What the examples take for granted."""
    (tmp_path / "film.mp4").symlink_to(clips.path("film.mp4"))
    (tmp_path / "short.ts").symlink_to(clips.path("h264.ts"))
    (tmp_path / "list.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2.4,\nshort.ts\n#EXT-X-ENDLIST\n"
    )
    monkeypatch.chdir(tmp_path)
    data = Path("film.mp4").read_bytes()
    with gvdecode.VideoDecoder("film.mp4") as video, open("film.mp4", "rb") as file:
        yield {
            "gvdecode": gvdecode,
            "np": np,
            "VideoDecoder": gvdecode.VideoDecoder,
            "video": video,
            "paths": ["film.mp4", "short.ts"],
            "data": data,
            "file": file,
            "upload": data,
            "tensor": np.empty((2, 3, 224, 224), np.float16),
            "model": lambda frames: frames.float().mean((1, 2, 3)),
        }
    for device in ["cpu", "cuda"][: 1 + GPU]:
        gvdecode.set_memory_limit(None, device=device)


@contextmanager
def growing(path: Path, clip: Path) -> Iterator[None]:
    """A file that somebody is writing to."""
    over = threading.Event()
    with path.open("wb", buffering=0) as file:

        def write() -> None:
            while not over.wait(0.1):
                file.write(clip.read_bytes())

        writer = threading.Thread(target=write)
        writer.start()
        try:
            yield
        finally:
            over.set()
            writer.join()


def run(part: Any, names: dict[str, object], servers: ExitStack) -> None:
    lacks = [
        what
        for what, pattern, is_here in NEEDS
        if re.search(pattern, part.text) and not is_here
    ]
    if lacks:
        pytest.skip(f"needs {' and '.join(lacks)}")
    if TORCH and re.search(NEEDS[0][1], part.text):
        torch = importlib.import_module("torch")
        names["torch"] = torch
        if GPU:
            names["tensor"] = torch.from_numpy(names["tensor"]).cuda()
    text = part.text
    if "growing.ts" in text:
        servers.enter_context(growing(Path("growing.ts"), Path("short.ts")))
    if "https://host/" in text:
        server = servers.enter_context(serving(Path.cwd()))
        text = text.replace("https://host/", server.url("whole/"))
    while "rtsp://camera/stream" in text:
        camera = RtspServer(30)
        camera.start()
        servers.callback(camera.join, 10)
        servers.callback(camera.over.set)
        text = text.replace("rtsp://camera/stream", camera.url, 1)
    # With the line numbers of the page.
    code = compile("\n" * (part.line - 1) + text, str(part.page), "exec")
    exec(code, names)


@parametrize(pages.blocks("python"))
def test_python_block(part: Any, names: dict[str, object]) -> None:
    with ExitStack() as servers:
        run(part, names, servers)


@parametrize(pages.table_calls("gvdecode"))
def test_call_of_a_table(part: Any, names: dict[str, object]) -> None:
    with ExitStack() as servers:
        run(part, names, servers)


@parametrize(pages.blocks("sh"))
def test_shell_block(part: Any) -> None:
    subprocess.run(["bash", "-n"], input=part.text, text=True, check=True)
    makefile = (pages.ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    for line in part.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        for word in words:
            if re.fullmatch(FILE, word):
                assert list(pages.ROOT.glob(word)), f"{part.place}: no {word}"
        if words[:1] == ["make"] and re.fullmatch(r"\w[\w-]*", words[1]):
            assert words[1] in targets, f"{part.place}: no target {words[1]}"


def test_every_file_that_is_named_is_there() -> None:
    missing = [
        f"{part.place}: {part.text}"
        for page in pages.PAGES
        for part, _ in pages.inlines(page, pages.CODE)
        if re.fullmatch(FILE, part.text) and not list(pages.ROOT.glob(part.text))
    ]
    assert not missing


def test_every_quoted_message_stands_in_the_source() -> None:
    page = pages.ROOT / "docs/troubleshooting.md"
    headings = re.findall(r"^### `(.*)`$", page.read_text(), re.MULTILINE)
    spans = [part.text for part, _ in pages.inlines(page, pages.CODE)]
    quoted = {*headings, *(text for text in spans if "…" in text)} - {"…"}
    texts = pages.messages()
    lost = [text for text in quoted if not any(text in each for each in texts)]
    assert len(quoted) > 40
    assert not lost


def test_every_box_of_the_drawing_is_a_file_of_the_core() -> None:
    drawing = (pages.ROOT / "docs/way.svg").read_text()
    boxes = re.findall(r'class="name">([a-z]+)[ \d]*<', drawing)
    assert len(boxes) > 8
    assert not [b for b in boxes if not list(pages.ROOT.glob(f"csrc/**/{b}.c"))]


def test_the_changelog_has_this_version() -> None:
    changelog = (pages.ROOT / "CHANGELOG.md").read_text()
    assert f"\n## {gvdecode.__version__} " in changelog


def test_links_lead_somewhere() -> None:
    broken = []
    for page in pages.PAGES:
        for part in pages.links(page):
            path, _, anchor = part.text.partition("#")
            if re.match(r"[a-z]+:", part.text):
                continue
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and anchor not in pages.anchors(target)):
                broken.append(f"{part.place}: {part.text}")
    assert not broken


EXTERNAL = [
    part
    for page in pages.PAGES
    for part in pages.links(page)
    if re.match(r"https?:", part.text)
]


@pytest.mark.skipif("CI" not in os.environ, reason="only CI asks other hosts")
@parametrize(EXTERNAL)
def test_external_link(part: Any) -> None:
    request = urllib.request.Request(part.text, headers={"User-Agent": "gvdecode"})
    try:
        with urllib.request.urlopen(request, timeout=10):
            pass
    except urllib.error.HTTPError as error:
        if error.code in (404, 410):
            raise
        pytest.skip(f"the host answers {error.code}")
    except OSError as error:
        pytest.skip(f"the host cannot be reached: {error}")


def test_the_reference_has_everything_that_is_exported() -> None:
    shown = pages.anchors(pages.ROOT / "docs/reference.md")
    assert "gvdecode.errors" in shown  # all that are in there
    missing = {name for name in gvdecode.__all__ if f"gvdecode.{name}" not in shown}
    assert missing == {"__version__", *gvdecode.errors.__all__}
