#!/bin/bash
# The command of a container of a Vertex AI custom job with several machines, four GPUs each:
#   experiments/cluster/vertex.sh NAME OVERRIDES     NAME: of the run; another for each
# CLUSTER_SPEC lists the machines by worker pools; the first pool holds one, where they meet.
set -euo pipefail
read -r NODES NODE0 < <(python -c '
import json, os
pools = json.loads(os.environ["CLUSTER_SPEC"])["cluster"]
print(sum(map(len, pools.values())), pools["workerpool0"][0])')
exec torchrun --nnodes="$NODES" --nproc-per-node=4 --rdzv-id="$1" --rdzv-backend=c10d --rdzv-endpoint="$NODE0" \
  train.py trainer=cluster trainer.accelerator=gpu resume=auto "${@:2}"
