#!/bin/sh
# Makes this bundle's rootfs again, on the same host, with only mkdir, cp, ln, chmod, printf and dd.
#
#   sh build.sh DIR [SYSROOT]
#
# DIR must not exist. The result has the same paths, contents, modes and links as the bundle's rootfs/; the times are
# those of this run. Run it as root: the files belong to the user who runs it. If a source has changed since the bundle
# was built, the script names it and makes nothing.

# The single quotes below are intended: nothing in a name or a content is expanded.
# shellcheck disable=SC2016
set -eu
umask 022

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo 'usage: sh build.sh DIR [SYSROOT]' >&2
    exit 2
fi
root=$1
sysroot={{ sysroot }}
if [ $# -eq 2 ]; then
    sysroot=$2
fi
sysroot=$(CDPATH='' cd -- "$sysroot" && pwd)
sysroot=${sysroot%/}
if [ -e "$root" ] || [ -L "$root" ]; then
    echo "error: \`$root\` already exists" >&2
    exit 1
fi

# The digests of the sources when the bundle was built. Relative names are below SYSROOT.
if ! (cd -- "$sysroot/" && sha256sum --check --strict --quiet) <<'SOURCES'
{%- for source in sources %}
{{ source|safe }}
{%- endfor %}
SOURCES
then
    echo 'error: the sources above have changed since the bundle was built; nothing was made' >&2
    exit 1
fi

mkdir -- "$root"
cd -- "$root"
chmod 0755 .
{% for entry in entries %}
{%- match entry %}
{%- when EntryCommands::Directory { path, mode, why } %}
# {{ why|safe }}
mkdir {{ path }}
chmod {{ mode|safe }} {{ path }}
{% when EntryCommands::Copy { from, patch, path, mode, why } %}
# {{ why|safe }}
cp "$sysroot"{{ from }} {{ path }}
{%- if let Some((offset, bytes)) = patch %}
printf %b {{ bytes }} | dd of={{ path }} bs=1 seek={{ offset }} conv=notrunc status=none
{%- endif %}
chmod {{ mode|safe }} {{ path }}
{% when EntryCommands::CopyOwn { from, path, mode, why } %}
# {{ why|safe }}
cp {{ from }} {{ path }}
chmod {{ mode|safe }} {{ path }}
{% when EntryCommands::Write { content, path, mode, why } %}
# {{ why|safe }}
printf %s {{ content }} >{{ path }}
chmod {{ mode|safe }} {{ path }}
{% when EntryCommands::WriteBytes { octal, path, mode, why } %}
# {{ why|safe }}
printf %b {{ octal }} >{{ path }}
chmod {{ mode|safe }} {{ path }}
{% when EntryCommands::Link { target, path, why } %}
# {{ why|safe }}
ln -s -- {{ target }} {{ path }}
{% when EntryCommands::HardLink { first, path, why } %}
# {{ why|safe }}
ln {{ first }} {{ path }}
{% endmatch %}
{%- endfor %}
