"""Live sources: a clip's packets, sent when they are due."""

import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

RATE = 25


def flv_clip(folder: Path, frames: int, *options: str) -> Path:
    """H.264 in FLV, which gives packets whole."""
    path = folder / "live.flv"
    source = f"testsrc2=size=320x240:rate={RATE}"
    subprocess.run(
        f"ffmpeg -v error -y -f lavfi -i {source} -frames:v {frames}".split()
        + f"-c:v libx264 -g 25 {' '.join(options)} -f flv".split()
        + [str(path)],
        check=True,
    )
    return path


def flv_tags(data: bytes) -> list[tuple[bool, bytes]]:
    """The parts of a FLV file, and whether each is a frame of video."""
    parts = [(False, data[:13])]
    at = 13
    while at < len(data):
        kind, size = data[at], int.from_bytes(data[at + 1 : at + 4], "big")
        end = at + 11 + size + 4
        parts.append((kind == 9 and data[at + 12] == 1, data[at:end]))
        at = end
    return parts


class Sender(threading.Thread):
    """Writes a FLV file to a FIFO, a frame every 1/RATE seconds, and notes when."""

    def __init__(self, clip: Path, fifo: Path) -> None:
        super().__init__(daemon=True)
        self.parts = flv_tags(clip.read_bytes())
        self.fifo = fifo
        self.sent: list[float] = []

    def run(self) -> None:
        start = time.monotonic()
        with open(self.fifo, "wb", buffering=0) as file:
            for is_frame, part in self.parts:
                if is_frame:
                    due = start + len(self.sent) / RATE
                    time.sleep(max(0, due - time.monotonic()))
                    self.sent.append(time.monotonic())
                try:
                    file.write(part)
                except BrokenPipeError:
                    return


class RtspServer(threading.Thread):
    """Serves one client a live H.264 stream: RTP from ffmpeg, interleaved into
    the RTSP connection. Notes when the last packet of each frame was sent."""

    def __init__(self, seconds: int) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.rtp.settimeout(5)
        self.url = f"rtsp://127.0.0.1:{self.listener.getsockname()[1]}/live"
        self.seconds = seconds
        self.sent: list[float] = []
        self.over = threading.Event()

    def run(self) -> None:
        connection, _ = self.listener.accept()
        with connection, self.listener, self.rtp:
            while not self._answer(connection):
                pass
            self._play(connection)

    def _answer(self, connection: socket.socket) -> bool:
        """Answers one request: True once that is to play."""
        text = b""
        while not text.endswith(b"\r\n\r\n"):
            more = connection.recv(1)
            if not more:
                raise ConnectionError("the client has left")
            text += more
        method, *_ = text.split()
        number = text.lower().split(b"cseq:")[1].split()[0].decode()
        head, body = f"CSeq: {number}\r\nSession: 1\r\n", ""
        if method == b"OPTIONS":
            head += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == b"DESCRIBE":
            body = (
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=live\r\nt=0 0\r\n"
                "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                "a=fmtp:96 packetization-mode=1\r\na=control:video\r\n"
            )
            head += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == b"SETUP":
            head += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        connection.sendall(f"RTSP/1.0 200 OK\r\n{head}\r\n{body}".encode())
        return method == b"PLAY"

    def _play(self, connection: socket.socket) -> None:
        port = self.rtp.getsockname()[1]
        source = f"testsrc2=size=320x240:rate={RATE}:duration={self.seconds}"
        with subprocess.Popen(
            f"ffmpeg -v error -re -f lavfi -i {source} -c:v libx264 -tune zerolatency "
            f"-bf 0 -g 25 -bsf:v dump_extra -f rtp rtp://127.0.0.1:{port}".split(),
            stdout=subprocess.DEVNULL,
        ) as encoder:
            try:
                while not self.over.is_set():
                    self._relay(connection, encoder)
            except (OSError, StopIteration):
                pass  # the client has left, or the stream is over
            encoder.kill()

    def _relay(
        self, connection: socket.socket, encoder: subprocess.Popen[bytes]
    ) -> None:
        self.rtp.settimeout(0.2)
        try:
            packet = self.rtp.recv(65536)
        except TimeoutError:
            if encoder.poll() is not None:
                raise StopIteration from None
            return
        if packet[1] & 0x80:  # the frame's last
            self.sent.append(time.monotonic())
        connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
