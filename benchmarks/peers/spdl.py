"""SPDL: streaming_load_video_nvdec on the GPU, its streaming decoder on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from .base import BATCH, Frames, Peer, Size, chunks

PACKAGES = ("spdl-io",)


class SpdlCuda(Peer):
    """Memory and stream are torch's; the decoder is kept from file to file."""

    packages = PACKAGES
    order = "NCHW"
    device = "cuda"
    setting = "streaming_load_video_nvdec"

    def __init__(self) -> None:
        import spdl.io
        import torch

        self.library = spdl.io
        self.config = spdl.io.cuda_config(
            device_index=0,
            stream=torch.cuda.current_stream().cuda_stream,
            allocator=(
                torch.cuda.caching_allocator_alloc,
                torch.cuda.caching_allocator_delete,
            ),
        )

    def read(self, path: str, size: Size, batch: int, keep: bool) -> Iterator[Frames]:
        scale = {"scale_height": size[0], "scale_width": size[1]} if size else None
        buffers = self.library.streaming_load_video_nvdec(
            path,
            self.config,
            num_frames=batch,
            post_processing_params=scale,
            use_cache=keep,
        )
        for buffer in buffers:
            rgb = self.library.nv12_to_rgb(buffer, device_config=self.config)
            yield self.library.to_torch(rgb)

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        return self.read(path, size, batch, True)

    def in_step(self, paths: list[str], batch: int) -> Iterator[list[Frames]]:
        streams = [self.read(path, None, batch, False) for path in paths]
        return map(list, zip(*streams, strict=True))


class SpdlCpu(Peer):
    packages = PACKAGES
    torch = False
    setting = "threads=0"

    def __init__(self) -> None:
        import spdl.io

        self.library = spdl.io
        self.decode = spdl.io.decode_config(decoder_options={"threads": "0"})

    def filter(self, size: Size = None) -> Any:
        scale = {"scale_height": size[0], "scale_width": size[1]} if size else {}
        return self.library.get_video_filter_desc(
            pix_fmt="rgb24", scale_algo="bilinear", scale_mode=None, **scale
        )

    def array(self, frames: Any) -> Frames:
        return self.library.to_numpy(self.library.convert_frames(frames))

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        demuxer = self.library.Demuxer(path)
        decoder = self.library.Decoder(
            demuxer.video_codec,
            filter_desc=self.filter(size),
            decode_config=self.decode,
        )
        decoder.set_buffer_size(batch)
        stream = demuxer.video_stream_index
        for packets in demuxer.streaming_demux(stream, num_packets=batch):
            yield from map(self.array, decoder.streaming_decode_packets(packets))
        yield from map(self.array, decoder.flush())

    def in_step(self, paths: list[str], batch: int) -> Iterator[list[Frames]]:
        """Its own batches have as many frames as their packets gave."""
        streams = [self.batches(path, batch=batch) for path in paths]
        frames = [chunks(chain.from_iterable(stream), batch) for stream in streams]
        return map(list, zip(*frames, strict=True))

    def picked(self, path: str, numbers: list[int]) -> Iterator[Frames]:
        """Its call wants rising numbers without repetition."""
        rising = sorted(set(numbers))
        pictures = self.library.sample_decode_video(
            self.library.demux_video(path),
            rising,
            decode_config=self.decode,
            filter_desc=self.filter(),
        )
        arrays = dict(zip(rising, map(self.array, pictures), strict=True))
        yield [arrays[number] for number in numbers]
