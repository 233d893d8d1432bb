"""The peers by the names that the result files have, one small file a library."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Name -> module here, class, arguments. The order is that of the run.
PEERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gvdecode cuda": ("gvdecode", "Gvdecode", {"device": "cuda"}),
    "gvdecode cuda decode_many": ("gvdecode", "DecodeMany", {"device": "cuda"}),
    "torchcodec cuda": ("torchcodec", "Torchcodec", {"device": "cuda"}),
    "torchcodec cuda 7 threads": ("torchcodec", "ByHand", {"device": "cuda"}),
    "pynvvideocodec simple": ("pynvvideocodec", "Simple", {}),
    "pynvvideocodec threaded": ("pynvvideocodec", "Threaded", {}),
    "pynvvideocodec reconfigured": ("pynvvideocodec", "Reconfigured", {}),
    "spdl cuda": ("spdl", "SpdlCuda", {}),
    "dali readers.video": ("dali", "Dali", {}),
    "streamreader cuda": ("streamreader", "StreamReaderCuda", {}),
    "opencv upload": ("opencv", "Upload", {}),
    "gvdecode cpu": ("gvdecode", "Gvdecode", {"device": "cpu"}),
    "gvdecode cpu decode_many": ("gvdecode", "DecodeMany", {"device": "cpu"}),
    "torchcodec cpu": ("torchcodec", "Torchcodec", {"device": "cpu"}),
    "spdl cpu": ("spdl", "SpdlCpu", {}),
    "pyav cpu": ("pyav", "Pyav", {}),
    "opencv cpu": ("opencv", "Opencv", {}),
    "decord2 cpu": ("decord", "Decord", {}),
    "streamreader cpu": ("streamreader", "StreamReaderCpu", {}),
}


def on_gpu(name: str) -> bool:
    return kind(name).device == "cuda" or PEERS[name][2].get("device") == "cuda"


def kind(name: str) -> Any:
    """The peer's class; imports nothing of its library."""
    module, name_of_class, _ = PEERS[name]
    return getattr(import_module(f"peers.{module}"), name_of_class)


def make(name: str) -> Any:
    """Imports the peer's library."""
    return kind(name)(**PEERS[name][2])
