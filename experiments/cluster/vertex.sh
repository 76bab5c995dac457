#!/bin/bash
# The command of a container of a Vertex AI custom job with several machines, four GPUs each:
#   experiments/cluster/vertex.sh NAME OVERRIDES     NAME: of the run; another for each
# Vertex AI sets CLUSTER_SPEC on every machine:
#   {"cluster": {"workerpool0": ["HOST:2222"], "workerpool1": ["HOST:2222", ...]},
#    "task": {"type": "workerpool1", "index": 0}, "environment": "cloud"}
# The first pool holds one machine, where they meet; the second the other ones. A third or fourth pool would be
# parameter servers and evaluators, which do not train.
# https://cloud.google.com/vertex-ai/docs/training/distributed-training#cluster-spec-format
set -euo pipefail
read -r NODES NODE0 IS_HOST < <(python -c '
import json, os
spec = json.loads(os.environ["CLUSTER_SPEC"])
pools = spec["cluster"]
nodes = len(pools["workerpool0"]) + len(pools.get("workerpool1", []))
print(nodes, pools["workerpool0"][0], spec["task"]["type"] == "workerpool0")')
exec torchrun --nnodes="$NODES" --nproc-per-node=4 --rdzv-id="$1" --rdzv-backend=c10d --rdzv-endpoint="$NODE0" \
  --rdzv-conf=is_host="$IS_HOST" train.py trainer=cluster trainer.accelerator=gpu resume=auto "${@:2}"
