"""Frames and batches show themselves in notebooks."""

import io
import re
from base64 import b64decode

import numpy as np
import pytest
from conftest import Opener

Image = pytest.importorskip("PIL.Image")

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dimension_order": "NHWC"},
        {"pixel_format": "bgr24"},
        {"dtype": "uint16"},
        {"dtype": "float16", "scale": 2.0},
        {"dtype": "float32", "mean": MEAN, "std": STD},
    ],
)
def test_a_frame_is_a_picture(opened: Opener, options: dict[str, object]) -> None:
    want = opened("h264.mp4", dimension_order="NHWC")[5].numpy()
    picture = opened("h264.mp4", **options)[5]._repr_png_()
    shown = np.asarray(Image.open(io.BytesIO(picture)))
    assert shown.shape == want.shape
    assert np.abs(shown.astype(int) - want).max() <= 1


def test_a_gray_frame_is_a_picture(opened: Opener) -> None:
    frame = opened("h264.mp4", pixel_format="gray8")[5]
    shown = np.asarray(Image.open(io.BytesIO(frame._repr_png_())))
    assert np.array_equal(shown, frame.numpy()[0])


def test_a_batch_is_a_strip(opened: Opener) -> None:
    batch = opened("h264.mp4")[0:20]
    text = batch._repr_html_()
    sources = re.findall(r"base64,([^\"]+)", text)
    assert len(sources) == 7
    assert Image.open(io.BytesIO(b64decode(sources[0]))).size == (160, 120)
    assert "3: 0.120 s" in text


def test_what_has_no_picture_has_none(opened: Opener) -> None:
    assert opened("h264.mp4", pixel_format="native")[0]._repr_png_() is None
    assert opened("h264.mp4", dtype="bfloat16")[0]._repr_png_() is None
    assert opened("h264.mp4")[0:0]._repr_html_() is None
