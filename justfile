# The only way in: everything that can be done with this tree is a recipe here. `just` lists them.
# On a machine without just: `.ci/just RECIPE` installs it first.

set shell := ["bash", "-euo", "pipefail", "-c"]

export RUST_BACKTRACE := "1"
target := env("CARGO_TARGET_DIR", justfile_directory() / "target")
# One static file that runs on any Linux of this architecture, and starts in half the time of a dynamic one: it has no
# libraries to load and nothing to relocate. (`--target`, or the flags would be for the compiler's own plugins too.)
triple := "x86_64-unknown-linux-gnu"
release := target / triple / "release"
release_build := "RUSTFLAGS=\"$(cat builder/rustflags)\" cargo build -q --release --target " + triple
capsule := release / "capsule"

# What `just build rootfs` takes files from, and what the tests run.
image_packages := "bash coreutils findutils grep sed diffutils procps iproute2 vim ncurses-bin hostname libc-bin"
test_packages := "qemu-system-x86 shellcheck tmux patchelf gcc g++ libc6-dev libc6-i386 musl musl-tools debootstrap cpio zstd skopeo umoci crun tcl"
# What the packs of recipes/languages.toml need beside these.
language_packages := "python3 default-jdk-headless"

# List the recipes.
default:
    @just --list --unsorted

# From a fresh clone to an answer from inside the sandbox.
try: (build "rootfs")
    just run /bin/bash -c 'ls /home && cat /home/hello.txt'

# Make the bundle of recipes/default.toml in out/rootfs (`just build rootfs`), or of another recipe by its name.
build name="rootfs": (_packages image_packages) _capsule
    mkdir -p out
    {{ capsule }} build -r recipes/{{ if name == "rootfs" { "default" } else { name } }}.toml -o out/{{ name }} --replace

# Run a command in the sandbox: `just run ls -l /`.
[positional-arguments]
run *command: _bundle
    @{{ capsule }} run out/rootfs -- "$@"

# A shell in the sandbox, on this terminal.
shell: _bundle
    @{{ capsule }} shell out/rootfs

# Every test that needs no virtual machine.
test: (_packages image_packages test_packages) _languages _capsule
    cargo test -q -p init
    cargo test -q --workspace --exclude init

# `languages` takes the bundle of recipes/languages.toml instead (docs/packs.md).
# Boot the bundle on clean kernels and prove the isolation there: `just vm-test`, `just vm-test all`, `just vm-test languages`.
vm-test *arguments: (_vm-test if arguments =~ '^languages' { "languages" } else { "rootfs" } arguments)

_vm-test bundle arguments: (_packages image_packages test_packages if bundle == "languages" { language_packages } else { "" }) (build bundle)
    cargo run -q -p vm-tests --features embedded --bin vm-tests -- --bundle out/{{ bundle }} {{ arguments }}

# What an operator does with a bundle before it goes on a judge host: `just prove`, `just prove out/NAME --all`.
prove bundle="out/rootfs" *arguments: (_packages image_packages test_packages) _bundle _capsule _prover
    {{ capsule }} prove {{ bundle }} {{ arguments }}

# Put `capsule` and `capsule-prove` below a prefix, and what shells complete with: `just install`, `just install ~/.local`.
install prefix="/usr/local": _capsule _prover
    install -D -t {{ prefix }}/bin {{ capsule }} {{ release }}/capsule-prove
    {{ capsule }} completions bash | install -D -m 644 /dev/stdin {{ prefix }}/share/bash-completion/completions/capsule
    {{ capsule }} completions zsh | install -D -m 644 /dev/stdin {{ prefix }}/share/zsh/site-functions/_capsule
    {{ capsule }} completions fish | install -D -m 644 /dev/stdin {{ prefix }}/share/fish/vendor_completions.d/capsule.fish

# The cases that need no virtual machine, on this host: as root, and with `--user` by an ordinary user.
host-test *arguments: (_packages image_packages) (build "rootfs")
    cargo run -q -p vm-tests -- all --host --bundle out/rootfs {{ arguments }}

# Many runs in a row and many that lose a process, on this host: 10,000 and 1,000 unless told (`just soak --runs 300 --kills 100`).
soak *arguments: (_packages image_packages) (build "rootfs")
    cargo run -q -p vm-tests --bin soak -- --bundle out/rootfs {{ arguments }}

# The system calls of one run, traced, beside docs/syscalls.md.
syscalls: (_packages image_packages "strace") (build "rootfs")
    cargo run -q -p vm-tests --bin syscalls -- --bundle out/rootfs

# Measure beside the peers: `just bench run`, `just bench limits`.
bench what="run" *arguments: (_packages "bubblewrap pax-utils libtree") _capsule
    #!/usr/bin/env bash
    set -euo pipefail
    case "{{ what }}" in
        run | limits | packs) {{ capsule }} bench {{ what }} {{ arguments }} ;;
        pack-sizes) just _packages debootstrap && bash builder/benches/pack-sizes.sh {{ capsule }} {{ arguments }} ;;
        boot) just _packages "qemu-system-x86" && just _bundle && cargo run --release -q -p vm-tests --bin boot -- {{ arguments }} ;;
        builder) cargo bench -q -p builder --bench closure -- {{ arguments }} ;;
        image) cargo bench -q -p builder --bench image -- {{ arguments }} ;;
        *) echo "error: \`{{ what }}\` is no benchmark: run, limits, packs, pack-sizes, boot, builder, image" >&2; exit 1 ;;
    esac

# Make the tables of docs/packs.md again: from the packs, and with `sizes` by measuring (a quarter of an hour).
pack-docs table="languages":
    #!/usr/bin/env bash
    set -euo pipefail
    if [ "{{ table }}" != sizes ]; then
        UPDATE_DOCS=1 cargo test -q -p builder --test languages docs::made
        exit
    fi
    sizes=$(just bench pack-sizes | grep '^|')
    awk -v table="$sizes" '/^<!-- end/ { skip = 0 } !skip { print } /^<!-- table: sizes/ { print table; skip = 1 }' docs/packs.md > docs/packs.md.new
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

# Fuzz what reads foreign bytes (ELF, ld.so.cache, recipes, small texts), so many seconds each: `just fuzz 600 elf`.
fuzz seconds="60" *targets: (_packages "g++")
    CARGO_TARGET_DIR={{ target }} builder/fuzz/run.sh {{ seconds }} {{ targets }}

# Formatting and lints. init has no std, and is built apart from what has.
lint:
    cargo fmt --all --check
    cargo clippy -q -p init --profile init --all-targets -- -D warnings
    cargo clippy -q --workspace --exclude init --all-targets -- -D warnings

# The runner's size, against its limit of 64 KiB.
size: _capsule
    #!/usr/bin/env bash
    set -euo pipefail
    RUSTFLAGS=$(cat init/rustflags) cargo build -q -p init --profile init
    bytes=$(stat -c %s {{ target }}/init/init)
    echo "init: $bytes bytes of 65536"
    test "$bytes" -le 65536
    # A `!` in front of a command never ends a script of `set -e`: what must not be found needs a word of its own.
    absent() { if "${@:2}"; then echo "error: $1" >&2; exit 1; fi; }
    # An init that was broken for a test says so in its version (init/build.rs).
    absent "a mutant is about to be shipped" grep -l ' mutant:' {{ target }}/init/init {{ capsule }}
    # A panic with a message would bring 4 KiB of formatting code, and paths of the build machine.
    absent "a panic carries a path" grep -aoE '[a-z0-9_/]+\.rs\b' {{ target }}/init/init
    for program in {{ target }}/init/init {{ capsule }}; do
        absent "$program is not static" bash -c 'readelf -lW "$0" | grep -E "INTERP|DYNAMIC"' "$program"
    done

# All that CI runs, in the order of what fails first.
ci: lint size test (fuzz "5") syscalls host-test (host-test "--user") (soak "--runs 300 --kills 100") vm-test

# Install the Debian packages that are missing; quick when none is.
_packages +names:
    #!/usr/bin/env bash
    set -euo pipefail
    missing=()
    for name in {{ names }}; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
    fi

# What the packs need: each of them says it. And what the tests of the seccomp policy run, where it is missing: a
# machine may have that from elsewhere.
_languages:
    #!/usr/bin/env bash
    set -euo pipefail
    packages=($(sed -n 's/^apt = \[\(.*\)\]$/\1/p' recipes/packs/*.toml | tr -d '",' | tr ' ' '\n' | sort -u))
    for pair in javac:default-jdk-headless go:golang-go; do
        command -v "${pair%%:*}" > /dev/null || packages+=("${pair#*:}")
    done
    just _packages "${packages[@]}"

# The builder, with init inside.
_capsule:
    {{ release_build }} -p builder

# The program that boots bundles, with the guest's programs inside.
_prover:
    {{ release_build }} -p vm-tests --features embedded --bin capsule-prove

# The default bundle, if there is none yet.
_bundle:
    @test -e out/rootfs || just build rootfs
