"""The peers by the names that the result files have, one small file a library."""

from __future__ import annotations

from importlib import import_module
from typing import Any

EVERY = ("",)
# Name -> module here, class, arguments, and what the workloads that it is for have in
# their names: the calls of a variant, where it differs. The order is that of the run:
# whose calls take longest come late.
PEERS: dict[str, tuple[str, str, dict[str, Any], tuple[str, ...]]] = {
    "gvdecode cuda": ("gvdecode", "Gvdecode", {"device": "cuda"}, EVERY),
    "gvdecode cuda decode_many": (
        "gvdecode",
        "DecodeMany",
        {"device": "cuda"},
        ("clips",),
    ),
    "torchcodec cuda": ("torchcodec", "Torchcodec", {"device": "cuda"}, EVERY),
    "torchcodec cuda 7 threads": (
        "torchcodec",
        "ByHand",
        {"device": "cuda"},
        ("rgb24",),
    ),
    "pynvvideocodec reconfigured": (
        "pynvvideocodec",
        "Reconfigured",
        {},
        ("warm", "clips"),
    ),
    "spdl cuda": ("spdl", "SpdlCuda", {}, EVERY),
    "streamreader cuda": ("streamreader", "StreamReaderCuda", {}, EVERY),
    "dali readers.video": ("dali", "Dali", {}, EVERY),
    "pynvvideocodec simple": ("pynvvideocodec", "Simple", {}, EVERY),
    "pynvvideocodec threaded": ("pynvvideocodec", "Threaded", {}, ("rgb24", "224")),
    "opencv upload": ("opencv", "Upload", {}, ("rgb24", "clips", "224")),
    "gvdecode cpu": ("gvdecode", "Gvdecode", {"device": "cpu"}, EVERY),
    "gvdecode cpu decode_many": (
        "gvdecode",
        "DecodeMany",
        {"device": "cpu"},
        ("clips",),
    ),
    "torchcodec cpu": ("torchcodec", "Torchcodec", {"device": "cpu"}, EVERY),
    "spdl cpu": ("spdl", "SpdlCpu", {}, EVERY),
    "streamreader cpu": ("streamreader", "StreamReaderCpu", {}, EVERY),
    "pyav cpu": ("pyav", "Pyav", {}, EVERY),
    "opencv cpu": ("opencv", "Opencv", {}, EVERY),
    "decord2 cpu": ("decord", "Decord", {}, EVERY),
}


def is_for(name: str, workload: str) -> bool:
    return any(part in workload for part in PEERS[name][3])


def on_gpu(name: str) -> bool:
    return kind(name).device == "cuda" or PEERS[name][2].get("device") == "cuda"


def kind(name: str) -> Any:
    """The peer's class; imports nothing of its library."""
    module, name_of_class, *_ = PEERS[name]
    return getattr(import_module(f"peers.{module}"), name_of_class)


def make(name: str) -> Any:
    """Imports the peer's library."""
    return kind(name)(**PEERS[name][2])
