#!/usr/bin/env bash
# Puts systemd's files where a package has them: units.sh PREFIX, which has share/capsule/deploy.
set -euo pipefail
units=$1/share/capsule/deploy/systemd lib=$1/lib
install -D -m 644 -t "$lib/systemd/system" "$units"/*.service "$units"/*.socket "$units"/*.slice
install -D -m 644 "$units/capsule.sysusers" "$lib/sysusers.d/capsule.conf"
install -D -m 644 "$units/capsule.tmpfiles" "$lib/tmpfiles.d/capsule.conf"
