#!/usr/bin/env bash
# Installs what the build and the tests need: Debian packages, then npm packages: the definitions
# of FHIR R4 for the build, and the clients that the tests drive.
# A stamp of the lists makes the second call instant. With --browser, Chromium too, which is large.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  ca-certificates g++ cmake ninja-build ccache mold pkgconf python3 zstd
  clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev
  libboost1.81-dev libssl-dev libcurl4-openssl-dev zlib1g-dev libzstd-dev
  libsimdjson-dev librocksdb-dev libre2-dev libxml2-dev libfyaml-dev libutf8proc-dev
  libopenjph-dev libopenjp2-7-dev libdcmtk-dev libseccomp-dev
  libcli11-dev libtomlplusplus-dev libspdlog-dev
  libdcmtk17
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
  wrk awscli nodejs dcmtk curl
)
# Another Node may be installed already (version managers); npm then comes with it.
command -v npm >/dev/null || packages+=(npm)


install_missing() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    echo "setup: these packages are missing; install them and try again:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  echo "setup: installing ${#missing[@]} packages" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >build/setup.log 2>&1 || {
    tail -n 30 build/setup.log >&2
    exit 1
  }
}

mkdir -p build
[ "${1:-}" != --browser ] || install_missing chromium
stamp="build/.setup-$(printf '%s\n' "${packages[@]}" \
  "$(cat {tools/definitions,test/clients,test/examples}/package-lock.json 2>/dev/null || true)" \
  | sha256sum | cut -c1-16)"
[ -e "$stamp" ] && exit 0

install_missing "${packages[@]}"
for folder in tools/definitions test/clients test/examples; do
  if [ -f "$folder/package-lock.json" ]; then
    echo "setup: installing npm packages of $folder" >&2
    (cd "$folder" && npm ci --loglevel=error --no-fund --no-audit >/dev/null)
  fi
done
rm -f build/.setup-*
touch "$stamp"
