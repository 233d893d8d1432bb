"""What a wheel bundles has its licence there: the check that each wheel is held to."""

import importlib.util
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ROOT / "packaging/licenses"
SPEC = importlib.util.spec_from_file_location("smoke", ROOT / "packaging/smoke.py")
assert SPEC and SPEC.loader
smoke = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(smoke)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """The files of a wheel, as far as they matter here."""
    shutil.copytree(TEXTS, tmp_path / "licenses")
    for name in ("NOTICE", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "licenses")
    for name in ("_core.abi3.so", "libavcodec_gvd-1f2e.so.61.19.101"):
        (tmp_path / name).touch()
    return tmp_path


def files(wheel: Path) -> list[Path]:
    return [path for path in wheel.rglob("*") if path.is_file()]


def test_the_notice_names_every_text_and_no_other() -> None:
    named = smoke.named_texts((ROOT / "NOTICE").read_text())
    assert named == {"LICENSE", *(path.name for path in TEXTS.iterdir())}


def test_a_wheel_with_its_texts_passes(wheel: Path) -> None:
    smoke.check_licences(files(wheel))


def test_a_library_without_a_licence_is_seen(wheel: Path) -> None:
    (wheel / "libx264-9f.so.164").touch()
    with pytest.raises(AssertionError, match="libx264"):
        smoke.check_licences(files(wheel))


def test_a_text_that_is_not_in_the_wheel_is_seen(wheel: Path) -> None:
    (wheel / "licenses/LGPL-3.0.txt").unlink()
    with pytest.raises(AssertionError, match=r"LGPL-3\.0"):
        smoke.check_licences(files(wheel))
