"""What is built: with a compiler a wheel with the compiled modules, and without one a wheel that works as well."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent

pytestmark = pytest.mark.slow


def wheel_of(folder: Path, **environment: str) -> tuple[Path, str]:
    """Build a wheel of a copy of this tree; return it, and what the build said."""
    copy = folder / "copy"
    copy.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(REPOSITORY / "asyncup", copy / "asyncup", ignore=ignore)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, copy)
    pip = [sys.executable, "-m", "pip", "wheel", "--verbose", "--no-deps", "--no-build-isolation", "--no-index"]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment}
    command = [*pip, "--wheel-dir", str(folder), str(copy)]
    built = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert built.returncode == 0, built.stdout
    (wheel,) = folder.glob("*.whl")
    return wheel, built.stdout


def names_in(wheel: Path) -> list[str]:
    """Return what is there of compiled modules, beside what describes them."""
    names = zipfile.ZipFile(wheel).namelist()
    return [name for name in names if Path(name).name.startswith(("_multi_md5", "_whole_file")) and ".pyi" not in name]


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_a_wheel_for_every_python_of_this_platform(tmp_path: Path) -> None:
    wheel, said = wheel_of(tmp_path)
    assert "-cp311-abi3-" in wheel.name
    assert "built without" not in said
    compiled = [f"asyncup/pipeline/{name}.abi3.so" for name in ("_multi_md5", "_whole_file")]
    assert sorted(names_in(wheel)) == compiled
    program = (
        "from asyncup.pipeline import multi_md5, whole_file; "
        "print(multi_md5.__file__, multi_md5.AT_ONCE, whole_file.read_whole.__module__)"
    )
    python = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path / 'unpacked')!r}); {program}"]
    zipfile.ZipFile(wheel).extractall(tmp_path / "unpacked")
    ran = subprocess.run(python, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ran.stdout.split() == [
        str(tmp_path / "unpacked/asyncup/pipeline/multi_md5.py"),
        "16",
        "asyncup.pipeline._whole_file",
    ]


def test_without_a_compiler_a_wheel_for_every_platform(tmp_path: Path) -> None:
    wheel, said = wheel_of(tmp_path, CC=str(tmp_path / "no-compiler"))
    assert wheel.name.endswith("-py3-none-any.whl")
    assert "asyncup is built without asyncup.pipeline._multi_md5, and will hash with hashlib" in said
    assert "asyncup is built without asyncup.pipeline._whole_file, and will read small files step by step" in said
    assert names_in(wheel) == []
