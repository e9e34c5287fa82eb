#!/usr/bin/env bash
# The clients of other services, as the registries have them, against `capsule serve`: clients.sh CAPSULE DIRECTORY
set -euo pipefail
capsule=$(realpath "$1") here=$(realpath "$(dirname "$0")")
mkdir -p "$2"
cd "$2"
test -e venv/bin/python || python3 -m venv venv
venv/bin/pip install -q wheel
venv/bin/pip install -q --use-pep517 judge0==0.0.8 judge0-client==0.4.0 aiopyston==1.2.1 ultra-piston==1.0.1
cp "$here/client.mjs" .
test -e package.json || npm init -y > /dev/null
npm install --silent --no-audit --no-fund piston-client@1.0.2
"$capsule" build --pack c,cpp,python,bash,java -o bundle --format dir --replace
"$capsule" serve bundle --listen 127.0.0.1:0 --set log=no 2> said &
server=$!
trap 'kill $server; wait $server || :' EXIT
# It says where it listens as soon as it does.
until address=$(sed -n 's/^capsule: serving at //p' said) && test -n "$address"; do
    kill -0 $server 2> /dev/null || { cat said >&2; exit 1; }
    sleep 0.1
done
venv/bin/python "$here/clients.py" "$address"
node client.mjs "$address"
