"""csrc/ keeps its order, and the script that says so can see a breach."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def layers():
    # By its path: a plain import would find PyPI's `packaging`.
    path = ROOT / "packaging/check_layers.py"
    spec = importlib.util.spec_from_file_location("check_layers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / "csrc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root / "csrc"


def test_our_tree_is_in_order(layers):
    faults, _ = layers.check(ROOT / "csrc")
    assert faults == []


GOOD = {
    "status.h": "#include <stdint.h>\n",
    "ref.h": "",
    "frame.h": '#include "ref.h"\n#include "status.h"\n',
    "av.h": "#include <libavutil/frame.h>\n",
    "source.h": '#include "frame.h"\n',
    "source.c": '#include "source.h"\n#include "av.h"\n',
    "backend.h": '#include "frame.h"\n',
    "scheduler.h": '#include "backend.h"\n',
    "cpu/decoder.h": '#include "../frame.h"\n',
    "cpu/backend.c": '#include "backend.h"\n#include "decoder.h"\n',
    "cuda/driver.c": "#include <ffnvcodec/dynlink_cuda.h>\n",
    "reader.c": '#include "scheduler.h"\n',
    "python/module.c": '#include <Python.h>\n#include "frame.h"\n',
}


def test_a_tree_in_order_passes(layers, tmp_path):
    assert layers.check(make_tree(tmp_path, GOOD)) == ([], [])


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("status.c", '#include "frame.h"', "frame.h does not stand below status.c"),
        ("frame.c", '#include "scheduler.h"', "does not stand below frame.c"),
        ("cuda/a.c", '#include "../cpu/decoder.h"', "does not stand below cuda/a.c"),
        ("cpu/a.c", '#include "scheduler.h"', "does not stand below cpu/a.c"),
        ("scheduler.c", '#include "cpu/decoder.h"', "does not stand below scheduler.c"),
        ("reader.c", "#include <Python.h>", "Python.h belongs to csrc/python only"),
        ("frame.c", "  # include <numpy/arrayobject.h>", "csrc/python only"),
        ("cpu/a.c", "#include <ffnvcodec/nvEncodeAPI.h>", "csrc/cuda only"),
        ("source.h", "#include <libavformat/avformat.h>", "belongs to source*.c"),
        ("scheduler.c", '#include "av.h"', "av.h belongs to source*.c"),
        ("cuda/cuda.h", "", "no header of ours has this name"),
        ("dlpack/dlpack.h", "", "no header of ours has this name"),
        ("helpers.c", "", "not in the table of layers"),
        ("frame.c", '#include "stdio.h"', "headers of others go in <>"),
        ("frame.c", "\n" * 501, "501 lines, 500 at most"),
        ("frame.c", "int f(void)\n{\n" + "    ;\n" * 61 + "}\n", "function of 61"),
    ],
)
def test_a_breach_is_seen(layers, tmp_path, name, text, fault):
    faults, _ = layers.check(make_tree(tmp_path, {**GOOD, name: text}))
    assert any(line.startswith(f"csrc/{name}:") and fault in line for line in faults)


def test_a_long_function_is_a_warning(layers, tmp_path, capsys):
    text = "int f(void)\n{\n" + "    ;\n" * 41 + "}\n"
    tree = make_tree(tmp_path, {**GOOD, "frame.c": text})
    assert layers.main([str(tree)]) == 0
    assert "csrc/frame.c:2: function of 41 lines" in capsys.readouterr().out


def test_a_breach_makes_the_script_fail(layers, tmp_path):
    tree = make_tree(tmp_path, {**GOOD, "helpers.c": ""})
    assert layers.main([str(tree)]) == 1
