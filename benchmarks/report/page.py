"""docs/benchmarks.md: every table and plot."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from . import seed
from .documents import RESULTS, Document, load
from .plots import Plot, plots
from .tables import left_out, tables

COMMAND = "python -m benchmarks.report"
DEVICES = {
    "h100": "On an H100",
    "h200": "On an H200",
    "cpu2": "On two CPU cores",
}
GPUS = ("h100", "h200")
CPUS = ("cpu2",)
FIGURES = "figures"  # beside docs/benchmarks.md


@dataclass(frozen=True)
class Section:
    bench: str
    title: str
    text: str
    # Something is missing if none of a group's devices has it.
    wanted: tuple[tuple[str, ...], ...] = (GPUS,)


SECTIONS = (
    Section(
        "peers",
        "Other decoders",
        "Every decoder in a process of its own and in its best documented setting, on "
        "the same files in one run; its pictures are compared before a time counts. "
        "The best of a row is bold; the ceiling is NVDEC with nothing done to the "
        "pictures. CPU seconds are those of the process, MiB of device memory those "
        "above a bare context.",
        (GPUS, CPUS),
    ),
    Section(
        "scaling",
        "More decoders on one file",
        "One 1080p H.264 file to RGB batches with a given number of decoders at once; "
        "the ceiling has as many.",
    ),
    Section(
        "sequential",
        "One file to RGB batches, and the first frame",
        "`gvdecode cuda cold` starts each decode without a pooled session; `after a "
        "pause` is what a process sees that slept 50 ms before each open.",
        (GPUS, CPUS),
    ),
    Section(
        "seed",
        "The experiment that the project starts from",
        "An article ran a model over a video of 960, 5,520 and 9,300 frames, decoded "
        "by OpenCV and uploaded, and decoded by NVDEC through torchaudio's "
        "StreamReader. It does not name model, batch size and GPU. Rebuilt with a "
        "light model (MobileNetV3-small on 224x224) and a heavy one (ResNet-50 on the "
        "whole frame), random weights, float16 on the GPU, the scores copied back; "
        "`model alone` has its input in GPU memory already and is the limit. The "
        "stages are those of another pass, in which each is waited for: `decode` is "
        "the wait for the next batch, with the upload where there is one.",
    ),
    Section(
        "end-to-end",
        "One file to what a model takes",
        "Normalised float16 batches of 32 pictures of 224x224.",
    ),
    Section(
        "access",
        "Single frames and samples",
        "Frames by number, two frames a second of a long video, and the index.",
        (GPUS, CPUS),
    ),
    Section(
        "many",
        "Many short clips",
        "`decode_many` against a plain loop; with a step the consumer is away that "
        "long after each batch.",
        (),
    ),
    Section(
        "load",
        "64 decoders at once",
        "Under one memory limit, every result compared.",
        (),
    ),
    Section(
        "convert",
        "The conversion alone",
        "A batch of 32 frames of 1920x1080 4:2:0, bytes read and written. On the GPU "
        "by its own events; on the CPU one thread, in turns with libswscale.",
        (GPUS, CPUS),
    ),
    Section(
        "robust",
        "What must not break",
        "Damaged and made-up input, leaks, and memory above the limit.",
    ),
)


@dataclass
class Report:
    """The result files that are there."""

    results: Path = RESULTS
    found: dict[tuple[str, str], Document] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for section in SECTIONS:
            for device in DEVICES:
                document = load(section.bench, device, self.results)
                if document:
                    self.found[section.bench, device] = document

    def missing(self) -> list[str]:
        return [
            f"`{section.bench}-{devices[0]}.json`"
            for section in SECTIONS
            for devices in section.wanted
            if not any((section.bench, device) in self.found for device in devices)
        ]

    def plots(self) -> list[Plot]:
        found = self.found.items()
        return [plot for (bench, _), one in found for plot in plots(bench, one)]

    def not_yet(self) -> list[str]:
        missing = self.missing()
        return [f"Not yet measured: {', '.join(missing)}.", ""] if missing else []

    def page(self) -> str:
        parts = [
            f"<!-- Made by {COMMAND}; not to be edited. -->",
            "",
            "# Benchmarks",
            "",
            "Wall clock from the open to the final synchronise, every frame touched, "
            "pixels and counts checked before a time counts. The figures are those of "
            f"the files in `benchmarks/results/`, and `{COMMAND}` makes this page of "
            "them; `benchmarks/README.md` says how to measure.",
            "",
            *self.not_yet(),
        ]
        for section in SECTIONS:
            documents = [
                (device, self.found[section.bench, device])
                for device in DEVICES
                if (section.bench, device) in self.found
            ]
            if documents:
                parts += [f"## {section.title}", "", section.text, ""]
            for device, document in documents:
                parts += self.part(section.bench, device, document)
        return "\n".join(parts).rstrip() + "\n"

    def part(self, bench: str, device: str, document: Document) -> list[str]:
        parts = [f"### {DEVICES[device]}", "", f"{document.run}:", ""]
        for plot in plots(bench, document):
            parts += [f"![{plot.title}]({FIGURES}/{plot.file})", ""]
        if bench == "seed":
            for lines in (seed.seconds(document), seed.stages(document)):
                parts += [*lines, ""]
        else:
            parts += tables(document, rivals=bench == "peers")
        return parts + left_out(document)
