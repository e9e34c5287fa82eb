#!/bin/sh
# Runs a command in this bundle's sandbox:
#
#   run.sh [OPTION…] -- COMMAND [ARGUMENT…]
#
# The options are those of `init run`. They come after the bundle's defaults, so they take precedence.
# Once, so that all of a run is of one version when a link to another takes the place of the one in `$0`.
bundle=$(dirname -- "$(readlink -f -- "$0")") || exit 125
exec "$bundle/init" run --root "$bundle/rootfs" --rootfs-digest {{ digest }}{% for (name, amount) in limits %} --{{ name|safe }} {{ amount }}{% endfor %} "$@"
