#!/bin/bash
# Training on two nodes of SLURM with four GPUs each. In the project's folder, on a disk that all nodes share:
#   sbatch experiments/cluster/slurm.sh experiment=base data.batch_size=8
# Words after the name are overrides of train.py. A job that is stopped and queued again goes on where it was.
#SBATCH --job-name=amt
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=4
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append

# A task for each GPU: Lightning finds its place, the first node and a port in the variables of SLURM.
export OMP_NUM_THREADS=1
srun --kill-on-bad-exit=1 .venv/bin/python train.py trainer=cluster trainer.accelerator=gpu resume=auto "$@"
