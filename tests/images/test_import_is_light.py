import subprocess
import sys


def test_importing_images_brings_nothing_heavy():
    code = (
        "import tellapart.images, sys; print([m for m in ('torch', 'sklearn', 'skimage', 'scipy') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "[]"
