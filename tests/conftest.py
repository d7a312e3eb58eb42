"""No test waits for a hub."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
