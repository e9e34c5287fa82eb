#!/bin/sh
# Runs a command in this bundle's sandbox:
#
#   run.sh [OPTION…] -- COMMAND [ARGUMENT…]
#
# Options are those of `init run` and come after the bundle's own defaults, so that they win.
bundle=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 125
exec "$bundle/init" run --root "$bundle/rootfs" --rootfs-digest {{ digest }}{% for (name, amount) in limits %} --{{ name|safe }} {{ amount }}{% endfor %} "$@"
