#!/bin/bash
# Workers of the service (docs/serve.md, "Workers") on Slurm: sbatch slurm-worker.sh BUNDLE SETTINGS
#
# An array of workers, each of which does one submission at a time until it is cancelled (`scancel`). BUNDLE is the one that
# the service has. SETTINGS has `nats`, `service` and `worker-token`, which is a secret: only root may read the file. Both are
# on a file system that the nodes share, and the tasks are root's, as in slurm.sh.
#
# Where a node is lost, the service gives what its workers had to others after `lease`, and Slurm starts the workers on other
# nodes. A worker that was not lost, and is started twice, is one worker more: nothing is judged twice.
#
# A partition with a time limit (`MaxTime`) starts no worker without one: `sbatch --time=1-0 slurm-worker.sh …`. A worker whose
# time is over is not started again, and what it had is given to others.
#SBATCH --job-name=worker
#SBATCH --array=0-15
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --time=UNLIMITED
#SBATCH --requeue
#SBATCH --open-mode=append
set -eu
exec "${CAPSULE:-capsule}" worker "$1" --config "$2" --slots 1
