#!/usr/bin/env bash
# Packs the programs as a Python wheel: wheel.sh PYTHON VERSION PREFIX OUTPUT. PYTHON has the package `wheel`, which
# writes the list of files and the archive.
#
# The wheel has the very programs of the archive; maturin would build them once more, with other flags.
set -euo pipefail
python=$1 version=$2 prefix=$3 output=$4
name=capsule_judge-$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/$name
install -D -t "$tree/$name.data/scripts" "$prefix"/bin/*
install -D -m 644 -t "$tree/$name.dist-info/licenses" "$prefix"/share/doc/capsule/LICENSE-*
install -D -m 644 -t "$tree/$name.dist-info/sboms" "$output"/*.cdx.json
{
    cat << END
Metadata-Version: 2.4
Name: capsule-judge
Version: $version
Summary: From a list of binaries to a judge sandbox that is proven on a clean kernel
License-Expression: MIT OR Apache-2.0
License-File: LICENSE-APACHE
License-File: LICENSE-MIT
Requires-Python: >=3.8
Description-Content-Type: text/markdown

END
    cat "$prefix/share/doc/capsule/README.md"
} > "$tree/$name.dist-info/METADATA"
cat > "$tree/$name.dist-info/WHEEL" << END
Wheel-Version: 1.0
Generator: capsule
Root-Is-Purelib: false
Tag: py3-none-manylinux1_x86_64
Tag: py3-none-manylinux_2_5_x86_64
Tag: py3-none-musllinux_1_1_x86_64
END
"$python" -m wheel pack --dest-dir "$output" "$tree" > /dev/null
