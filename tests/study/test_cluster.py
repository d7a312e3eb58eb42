"""What starts a training on several nodes of SLURM."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

LAUNCH = Path(__file__).parents[2] / "studies" / "slurm" / "launch.sh"
SRUN = """#!/bin/sh
# Runs the command once for each node, as srun does with one task a node.
shift 2
for SLURM_NODEID in 0 1; do export SLURM_NODEID; "$@"; done
"""
SCONTROL = """#!/bin/sh
[ "$*" = "show hostnames n[7-8]" ] && printf "n7\\nn8\\n"
"""
ACCELERATE = """#!/bin/sh
for word; do printf "<%s>" "$word"; done; echo
"""


def test_each_node_starts_its_processes_with_the_first_as_their_head(tmp_path):
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("accelerate", ACCELERATE)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    slurm = {"SLURM_JOB_NODELIST": "n[7-8]", "SLURM_JOB_NUM_NODES": "2", "SLURM_GPUS_ON_NODE": "4"}
    env = {**os.environ, **slurm, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    line = ["sh", str(LAUNCH), "my recipe.yaml", "--resume", "auto"]
    lines = subprocess.run(line, env=env, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == 2
    for rank, said in enumerate(lines):
        assert said.startswith("<launch><--config_file><recipes/fsdp.yaml><--num_machines><2>")
        assert f"<--machine_rank><{rank}><--num_processes><8><--main_process_ip><n7>" in said
        assert said.endswith("<-m><deepsuper><train><my recipe.yaml><--resume><auto>")
