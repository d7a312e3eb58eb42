"""No test waits for a hub, and tests that run side by side do not take each other's cores."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items):
    """Tests of real models take minutes: begun first, they keep nobody waiting at the end."""
    items.sort(key=lambda item: item.get_closest_marker("real") is None)
