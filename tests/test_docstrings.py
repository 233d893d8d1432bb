"""What the reference is made of: every public name tells what it is and takes."""

import ast
import inspect
import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest

import gvdecode


def members() -> Iterator[tuple[str, Any]]:
    """Every class, function, method and property that is public."""
    for name in sorted({*gvdecode.__all__} - {"__version__"}):
        value = getattr(gvdecode, name)
        yield name, value
        if inspect.isclass(value) and not issubclass(value, Exception):
            for key, member in inspect.getmembers(value):
                if key.startswith("_"):
                    continue
                if inspect.isroutine(member) or isinstance(member, property):
                    yield f"{name}.{key}", member


@pytest.mark.parametrize(
    ("name", "value"), [pytest.param(*each, id=each[0]) for each in members()]
)
def test_docstring(name: str, value: Any) -> None:
    text = inspect.getdoc(value) or ""
    assert text, f"{name} has no docstring"
    if not (inspect.isfunction(value) or value is gvdecode.VideoDecoder):
        return
    for argument in {*inspect.signature(value).parameters} - {"self"}:
        told = re.search(rf"^    {argument}: ", text, re.MULTILINE)
        assert told, f"{name}: what is {argument}?"


@pytest.mark.parametrize(
    "record",
    [
        gvdecode.DecodeStats,
        gvdecode.MemoryUsage,
        gvdecode.SourceBatch,
        gvdecode.VideoMetadata,
    ],
)
def test_every_field_is_told(record: type) -> None:
    body = ast.parse(inspect.getsource(record)).body[0].body
    for field, below in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and not field.target.id.startswith("_"):
            assert isinstance(below, ast.Expr), field.target.id
