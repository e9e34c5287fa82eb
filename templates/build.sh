#!/bin/sh
# Makes this bundle's rootfs once more, from the same host, with nothing but mkdir, cp, ln, chmod, printf and dd.
#
#   sh build.sh DIR [SYSROOT]
#
# DIR must not exist. The result is identical to the bundle's rootfs/ in every path, byte, mode and link;
# times are the clock's. Run it as root: the files belong to whoever runs it. If any source has other bytes
# than when the bundle was built, it says which and makes nothing.

# Single quotes are meant below: nothing in a name or a content is expanded.
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
    echo "error: \`$root\` exists already" >&2
    exit 1
fi

# The sources, as they were: relative names lie below SYSROOT.
if ! (cd -- "$sysroot/" && sha256sum --check --strict --quiet) <<'SOURCES'
{%- for source in sources %}
{{ source|safe }}
{%- endfor %}
SOURCES
then
    echo 'error: the sources named above are not those of this bundle; nothing was made' >&2
    exit 1
fi

mkdir -- "$root"
cd -- "$root"
chmod 0755 .
{% for step in steps %}
{%- match step %}
{%- when Step::Directory { path, mode, why } %}
# {{ why|safe }}
mkdir {{ path }}
chmod {{ mode|safe }} {{ path }}
{% when Step::Copy { from, patch, path, mode, why } %}
# {{ why|safe }}
cp "$sysroot"{{ from }} {{ path }}
{%- if let Some((offset, bytes)) = patch %}
printf %b {{ bytes }} | dd of={{ path }} bs=1 seek={{ offset }} conv=notrunc status=none
{%- endif %}
chmod {{ mode|safe }} {{ path }}
{% when Step::CopyOwn { from, path, mode, why } %}
# {{ why|safe }}
cp {{ from }} {{ path }}
chmod {{ mode|safe }} {{ path }}
{% when Step::Write { content, path, mode, why } %}
# {{ why|safe }}
printf %s {{ content }} >{{ path }}
chmod {{ mode|safe }} {{ path }}
{% when Step::WriteBytes { octal, path, mode, why } %}
# {{ why|safe }}
printf %b {{ octal }} >{{ path }}
chmod {{ mode|safe }} {{ path }}
{% when Step::Link { target, path, why } %}
# {{ why|safe }}
ln -s -- {{ target }} {{ path }}
{% endmatch %}
{%- endfor %}
