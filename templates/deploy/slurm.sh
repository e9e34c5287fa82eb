#!/bin/bash
# Judging on Slurm: sbatch slurm.sh BUNDLE PROBLEM SUBMISSIONS REPORTS
#
# An array of tasks, each of which judges every sixteenth submission. All paths are on a file system that the nodes share,
# rejudge.sh lies next to BUNDLE, and the tasks are root's: make the array by root, or by a user whose jobs `sudo` as root.
# Slurm starts a task again when its node is lost; it may do so while the old one still runs, and then the later report of a
# submission replaces the earlier one.
#SBATCH --job-name=rejudge
#SBATCH --array=0-15
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --requeue
#SBATCH --open-mode=append
set -eu
exec sh "$(dirname -- "$1")/rejudge.sh" "$@"
