"""Servers on this machine, sound and unsound ones."""

import http.server
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Request(http.server.BaseHTTPRequestHandler):
    """Hands each GET to the function that the server has for its first part:
    /whole/film.mp4 to "whole", with the file film.mp4."""

    server: "Server"

    def do_GET(self) -> None:
        _, mode, name = self.path.split("/", 2)
        self.server.asked.append(self.path)
        data = (self.server.folder / name).read_bytes()
        try:
            self.server.modes[mode](self, data)
        except OSError:
            pass  # the reader has left

    def log_message(self, *_: object) -> None:
        pass

    def span(self, size: int) -> tuple[int, int]:
        """First byte and the one behind the last that are asked for."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            return 0, size
        return int(asked[1]), int(asked[2]) + 1 if asked[2] else size

    def head(self, data: bytes, ranges: bool = True) -> tuple[int, int]:
        """Answers with headers for what is asked for, which it returns."""
        first, end = self.span(len(data)) if ranges else (0, len(data))
        if first >= len(data) > 0:
            self.send_error(416)
            raise OSError
        self.send_response(206 if ranges and "Range" in self.headers else 200)
        if ranges:
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{len(data)}")
        self.send_header("Content-Length", str(end - first))
        self.end_headers()
        return first, end


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.folder = folder
        self.asked: list[str] = []
        self.over = threading.Event()
        self.modes: dict[str, Callable[[Request, bytes], None]] = {
            "whole": whole,
            "plain": plain,
            "stall": self.stall,
            "trickle": self.trickle,
            "part": part,
            "broken": broken,
            "refuse": refuse,
            "busy": busy,
            "round": go_round,
        }

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_address[1]}/{path}"

    def stall(self, request: Request, data: bytes) -> None:
        """The first half and then nothing; the end, where a reader begins there."""
        first, end = request.head(data)
        half = len(data) // 2
        request.wfile.write(data[first : half if first < half else end])
        if first < half:
            self.over.wait(60)

    def trickle(self, request: Request, data: bytes) -> None:
        """A byte every now and then."""
        first, end = request.head(data)
        for at in range(first, end):
            request.wfile.write(data[at : at + 1])
            if self.over.wait(0.1):
                return


def whole(request: Request, data: bytes) -> None:
    first, end = request.head(data)
    request.wfile.write(data[first:end])


def plain(request: Request, data: bytes) -> None:
    """A server that knows no ranges."""
    request.head(data, ranges=False)
    request.wfile.write(data)


def part(request: Request, data: bytes) -> None:
    """Closes each connection after 40,000 bytes of those that it promised."""
    first, end = request.head(data)
    request.wfile.write(data[first : min(end, first + 40_000)])


def broken(request: Request, data: bytes) -> None:
    """Closes half-way, and nothing can be had from there on."""
    first, end = request.head(data)
    if first == 0:
        request.wfile.write(data[: end // 2])


def refuse(request: Request, data: bytes) -> None:
    request.send_error(403)


def busy(request: Request, data: bytes) -> None:
    request.send_error(503)


def go_round(request: Request, data: bytes) -> None:
    request.send_response(302)
    request.send_header("Location", request.path)
    request.end_headers()


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    with Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
