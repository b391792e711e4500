"""No library of ours reports to its maker."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

DESCRIBE = """
import sys
from pathlib import Path
import numpy as np
from facecore.engine import load_engine
load_engine("onnx", cache_dir=Path(sys.argv[1])).describe(np.zeros((1, 150, 150, 3), dtype=np.uint8))
"""


def test_the_face_engine_leaves_no_device_id_behind(tmp_path: Path) -> None:
    """ONNX Runtime 1.31 reports usage to its maker by default: we promise that no cloud service is ever called."""
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE, str(tmp_path / "models")],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "telemetry" not in done.stderr.lower()
    assert [path for path in home.rglob("*") if path.is_file()] == []
