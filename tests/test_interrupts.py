"""Ctrl-C ends every wait within 0.2 s and leaves a process that can go on.

Each wait is one of a process of its own, whose source stalls for ever.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Clips

SCRIPT = """
import http.server, os, signal, sys, threading, time
import gvdecode

clip, folder, case = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
stalled = threading.Event()

class Stalling(http.server.BaseHTTPRequestHandler):
    # Answers until it is told to stall, then takes requests and says nothing.
    def do_GET(self):
        data = open(clip, "rb").read()
        begin = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        if stalled.is_set():
            time.sleep(60)
        self.send_response(206)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data) - begin))
        end = len(data) - 1
        self.send_header("Content-Range", f"bytes {begin}-{end}/{len(data)}")
        self.end_headers()
        try:
            self.wfile.write(data[begin:])
        except OSError:
            pass
    def log_message(self, *words):
        pass

def stalling_url():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stalling)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/film.mp4"

def remote(**options):
    video = gvdecode.VideoDecoder(stalling_url(), device="cpu", **options)
    stalled.set()
    return video

def stalled_pipe():
    # The writer stays, so that the reader waits for more.
    path = os.path.join(folder, "pipe.ts")
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    data = open(clip, "rb").read()
    threading.Thread(target=os.write, args=(writer, data), daemon=True).start()
    return gvdecode.VideoDecoder(path, device="cpu")

def open_pipe():
    path = os.path.join(folder, "empty.ts")
    os.mkfifo(path)
    os.open(path, os.O_RDWR)
    return lambda: gvdecode.VideoDecoder(path, device="cpu")

def next_batch():
    run = stalled_pipe().batches(1000)
    return lambda: next(run)

def wait_elsewhere(run):
    def wait():
        try:
            next(run)
        except gvdecode.ClosedError:
            pass
    threading.Thread(target=wait, daemon=True).start()

def next_while_another_thread_waits():
    run = stalled_pipe().batches(1000)
    wait_elsewhere(run)
    time.sleep(0.2)
    return lambda: next(run)

def iteration():
    video = stalled_pipe()
    return lambda: [*video.batches(7)]

def close():
    video = stalled_pipe()
    wait_elsewhere(video.batches(1000))
    def closing():
        time.sleep(0.3)
        video.close()
        time.sleep(5)
    return closing

def metadata():
    video = remote()
    return lambda: video.metadata

def length():
    video = remote()
    return lambda: len(video)

def index_file():
    path = os.path.join(folder, "index.npz")
    with gvdecode.VideoDecoder(clip, device="cpu") as local:
        local.index.save(path)
    return path

def by_number():
    video = remote(index=index_file())
    return lambda: video.get_frames_at([5, 40])

def opening_once_more():
    video = gvdecode.VideoDecoder(stalling_url(), device="cpu", index=index_file())
    video[40]
    stalled.set()
    return lambda: video[0]

wait = globals()[case]()
sent = []
def interrupt():
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(0.5, interrupt).start()
try:
    wait()
except KeyboardInterrupt:
    took = time.monotonic() - sent[0]
else:
    raise SystemExit("the wait ended by itself")
with gvdecode.VideoDecoder(clip, device="cpu") as video:  # the process can go on
    assert sum(len(batch) for batch in video.batches(8)) > 30
sys.stdout.write(f"{took}")
sys.stdout.flush()

"""


@pytest.mark.parametrize(
    ("case", "clip"),
    [
        ("open_pipe", "h264.ts"),
        ("next_batch", "h264.ts"),
        ("next_while_another_thread_waits", "h264.ts"),
        ("iteration", "h264.ts"),
        ("close", "h264.ts"),
        ("metadata", "h264.mp4"),
        ("length", "h264.mp4"),
        ("by_number", "h264.mp4"),
        ("opening_once_more", "h264.mp4"),
    ],
)
def test_ctrl_c_ends_the_wait(
    clips: Clips, tmp_path: Path, case: str, clip: str
) -> None:
    took = []
    for attempt in range(3):  # where the machine is busy, more than one
        folder = tmp_path / str(attempt)
        folder.mkdir()
        took.append(interrupt(case, str(clips.path(clip)), str(folder)))
        if took[-1] < 0.2:
            break
    assert took[-1] < 0.2, took


def interrupt(case: str, clip: str, folder: str) -> float:
    """Seconds from Ctrl-C to the end of the wait."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, clip, folder, case],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.fail("the wait was not interrupted")
    assert (done.returncode, done.stderr) == (0, "")
    return float(done.stdout)
