#!/bin/sh
# launch.sh RECIPE OPTIONS: `deepsuper train` with a process for each GPU of all nodes of this SLURM job.
# In a study: launcher: sh studies/slurm/launch.sh, and resources: {nodes: 2}.
set -eu
HEAD=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
PROCESSES=$((SLURM_JOB_NUM_NODES * ${SLURM_GPUS_ON_NODE:-8}))
export HEAD PROCESSES
exec srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 sh -c 'exec accelerate launch \
  --config_file recipes/fsdp.yaml --num_machines "$SLURM_JOB_NUM_NODES" --machine_rank "$SLURM_NODEID" \
  --num_processes "$PROCESSES" --main_process_ip "$HEAD" --main_process_port 29500 --rdzv_backend c10d \
  -m deepsuper train "$@"' deepsuper "$@"
