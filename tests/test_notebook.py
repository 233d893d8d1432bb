"""examples/notebook.ipynb runs from its first cell to its last."""

from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "notebook.ipynb"


def shown_by(notebook: Any, code: str) -> dict[str, Any]:
    """What the cell that ends so shows, by MIME type."""
    (cell,) = (
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.endswith(code)
    )
    return dict(cell.outputs[-1].data)


def test_the_notebook_runs_and_shows_its_frames() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    nbclient.NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    ).execute()
    assert "image/png" in shown_by(notebook, "video[100]")
    assert shown_by(notebook, "video[0:280:40]")["text/html"].count("<img") == 7
    assert shown_by(notebook, "video.sample(count=8)")["text/html"].count("<img") == 8
    text = "".join(
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream" and output.name == "stdout"
    )
    assert "287 frames, 29.97 a second" in text
    assert "[250, 3, 3, 286]" in text
    assert "same memory again: False" not in text
    assert "2 (143, 3, 90, 160)" in text
