"""Numbers as callers give them, and which frames are kept beside one."""

from collections.abc import Callable

import numpy as np
import pytest

from gvdecode import frame_numbers
from gvdecode.neighbours import Neighbours

NUMPY_INTS = [np.int8, np.int32, np.int64, np.uint8, np.uint32, np.uint64]


@pytest.mark.parametrize("kind", [int, *NUMPY_INTS, lambda n: np.array(n)])
def test_a_number_is_anything_with_index(kind: Callable[[int], object]) -> None:
    assert frame_numbers.one(kind(7), 10) == 7
    assert frame_numbers.many([kind(7), 3], 10).tolist() == [7, 3]


@pytest.mark.parametrize("value", ["0", 2.3, None, b"1", True, np.bool_(1), [1]])
def test_other_things_are_no_number(value: object) -> None:
    with pytest.raises(TypeError, match="number"):
        frame_numbers.one(value, 10)
    with pytest.raises(TypeError, match="number"):
        frame_numbers.many([value], 10)


@pytest.mark.parametrize("value", [300, -301, 10**30])
def test_a_number_out_of_range_is_an_index_error_with_the_range(value: int) -> None:
    with pytest.raises(
        IndexError,
        match=rf"frame {value} is out of range: the video has 300 frames, 0 to 299",
    ):
        frame_numbers.one(value, 300)
    for values in ([0, value], np.array([0, value], dtype=object)):
        with pytest.raises(IndexError, match="300 frames"):
            frame_numbers.many(values, 300)
    if abs(value) < 1000:
        with pytest.raises(IndexError, match=f"frame {value} "):
            frame_numbers.many(np.array([3, value]), 300)


def test_a_video_without_frames_has_no_numbers() -> None:
    for value in (0, -1):
        with pytest.raises(IndexError, match="no frames"):
            frame_numbers.one(value, 0)
    assert frame_numbers.many([], 0).tolist() == []
    assert frame_numbers.between(None, None, None, 0).tolist() == []
    assert frame_numbers.spread(5, 0).tolist() == []


@pytest.mark.parametrize("kind", NUMPY_INTS)
def test_arrays_of_any_integer_are_numbers(kind: type) -> None:
    array = np.array([9, 1, 1, 5, 0], dtype=kind)[::-1]
    found = frame_numbers.many(array, 10)
    assert found.dtype == np.int64 and found.flags.c_contiguous
    assert found.tolist() == [0, 5, 1, 1, 9]


def test_negative_numbers_of_an_array_count_from_the_end_and_it_is_kept() -> None:
    array = np.array([-1, 0, -10])
    assert frame_numbers.many(array, 10).tolist() == [9, 0, 0]
    assert array.tolist() == [-1, 0, -10]
    with pytest.raises(IndexError, match="18446744073709551615"):
        frame_numbers.many(np.array([2**64 - 1], dtype=np.uint64), 10)


@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        np.array([1.0]),
        np.array([True]),
        np.array(["1"]),
        np.zeros((2, 2), int),
        np.int64(3),
        "12",
        b"12",
    ],
)
def test_other_lists_are_a_type_error(values: object) -> None:
    with pytest.raises(TypeError):
        frame_numbers.many(values, 10)


@pytest.mark.parametrize("values", [[], (), np.array([]), np.empty(0, int), range(0)])
def test_no_numbers_are_a_request_too(values: object) -> None:
    assert frame_numbers.many(values, 10).dtype == np.int64


def test_slices_are_those_of_lists() -> None:
    ends = [None, -99, -11, -10, -3, 0, 4, 9, 10, 11, 99]
    for start in ends:
        for stop in ends:
            for step in (None, 1, 2, 7, -1, -3):
                expected = list(range(10))[start:stop:step]
                found = frame_numbers.between(start, stop, step, 10)
                assert found.tolist() == expected
    with pytest.raises(ValueError, match="zero"):
        frame_numbers.between(0, 5, 0, 10)
    with pytest.raises(TypeError):
        frame_numbers.between(0.5, 5, 1, 10)


def test_a_walk_decodes_the_next_frames_at_once() -> None:
    walk = Neighbours()
    assert [walk.extra(k, 40, 0) for k in (10, 11, 12, 26)] == [
        (0, 0),
        (12, 27),
        (0, 0),
        (0, 0),
    ]
    assert walk.extra(27, 40, 0) == (28, 40)
    assert Neighbours().extra(0, 40, 0) == (0, 0)


def test_a_long_walk_looks_further_ahead_within_its_room() -> None:
    def windows(walk: Neighbours) -> list[int]:
        pairs = [walk.extra(k, 999, 0) for k in range(300)]
        return [stop - start for start, stop in pairs if stop]

    walk = Neighbours()
    assert windows(walk)[:5] == [15, 30, 60, 120, 120]
    walk = Neighbours()
    walk.frame_bytes = walk.ROOM // 20
    assert windows(walk)[:3] == [15, 20, 20]
    walk = Neighbours()
    walk.frame_bytes = walk.ROOM + 1
    assert windows(walk) == []


def test_a_walk_far_behind_a_key_frame_keeps_as_many_as_lie_between() -> None:
    walk = Neighbours()
    assert walk.extra(200, 999, 90) == (0, 0)
    assert walk.extra(201, 999, 91) == (202, 293)


def test_a_walk_backward_keeps_the_frames_before() -> None:
    walk = Neighbours()
    assert [walk.extra(k, 40, 0) for k in (20, 19, 18, 4, 3)] == [
        (0, 0),
        (4, 19),
        (0, 0),
        (0, 0),
        (0, 3),
    ]


def test_frames_here_and_there_keep_no_others() -> None:
    walk = Neighbours()
    assert {walk.extra(k, 99, 0) for k in (3, 50, 4, 90, 90, 7)} == {(0, 0)}
    walk.extra(8, 99, 0)
    walk.forget()
    assert walk.extra(9, 99, 0) == (0, 0)
