#!/bin/sh
# Runs Python for ARM64 Linux with nbtrain on an x86-64 machine with Debian; its settings of packages stay as they are.
#
#     apt-get install qemu-user-static
#     nbtrain cache bundle aarch64 nbtrain/compiler/prebuilt_code     # or compile there, which takes many minutes
#     sh tests/support/arm64.sh build/arm64 tests/support/smoke.py
#
# The first run downloads Debian's Python and the wheels of nbtrain's dependencies into the folder, some 250 MB.
set -eu
[ $# -ge 2 ] || { echo "usage: arm64.sh FOLDER SCRIPT.py [ARGUMENTS]" >&2; exit 2; }
checkout=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
command -v qemu-aarch64-static >/dev/null || { echo "qemu-aarch64-static is missing: apt-get install qemu-user-static" >&2; exit 1; }

if [ ! -e "$folder/ready" ]; then
    . /etc/os-release
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/root" "$folder/wheels"
    touch "$folder/apt/status"
    key=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$key] http://deb.debian.org/debian $VERSION_CODENAME main" > "$folder/apt/sources.list"
    cat > "$folder/apt/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::State "$folder/apt";
Dir::State::Lists "$folder/apt/lists";
Dir::State::status "$folder/apt/status";
Dir::Cache "$folder/apt/cache";
Dir::Etc::sourcelist "$folder/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
END
    export APT_CONFIG="$folder/apt/apt.conf"
    apt-get -q update
    apt-get -q install -y --download-only --no-install-recommends python3 libstdc++6 libgomp1
    for package in "$folder"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
    unset APT_CONFIG
    version=$(cd "$folder/root/usr/bin" && ls | sed -n 's/^python\(3\.[0-9]*\)$/\1/p' | head -n 1)
    wanted=$(python3 -c "import sys, tomllib; print(*tomllib.load(open(sys.argv[1], 'rb'))['project']['dependencies'], sep='\n')" \
        "$checkout/pyproject.toml")
    echo "$wanted" > "$folder/wanted.txt"
    python3 -m pip download -q -d "$folder/wheels" --only-binary :all: --python-version "$version" --implementation cp \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 \
        -r "$folder/wanted.txt"
    for wheel in "$folder"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$folder/site"; done
    echo "$version" > "$folder/ready"
fi

export PYTHONPATH="$checkout:$folder/site" PYTHONDONTWRITEBYTECODE=1
exec qemu-aarch64-static -cpu "${ARM64_CPU:-cortex-a72}" -L "$folder/root" "$folder/root/usr/bin/python$(cat "$folder/ready")" "$@"
