#!/usr/bin/env bash
# What a GPU does, in at most 9 minutes, without a network: bash benchmarks/gpu/run.sh [--dry] [--model FOLDER]
set -euo pipefail
cd "$(dirname "$0")/../.."
export PYTHONPATH="$PWD/src:$PWD/benchmarks${PYTHONPATH:+:$PYTHONPATH}" HF_HUB_OFFLINE=1
exec "${PYTHON:-python3}" benchmarks/gpu/measure.py "$@"
