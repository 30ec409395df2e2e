# shellcheck shell=bash
# Names, versions and places that every script shares, and how each gets what it lacks.
# Source it; it does nothing else.

PMP_CACHE=${PMP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pmp-vault-conformance}
export PMP_CACHE
case ":$PATH:" in
*":$PMP_CACHE/bin:"*) ;;
*) export PATH="$PMP_CACHE/bin:$PATH" ;;
esac

# Read by the scripts that source this file.
# shellcheck disable=SC2034
{
  PMP_KIND_VERSION=v0.33.0
  PMP_KUBERNETES_VERSION=v1.37.2
  PMP_ETCD_VERSION=v3.7.3
  PMP_CONTAINERD_VERSION=v2.4.2
  PMP_VAULT_VERSION=v1.21.4
  PMP_OPENBAO_VERSION=v2.7.2
  # Of Vault's Kubernetes auth method: that of Vault 1.10, and the last that refuses some tokens with 500.
  PMP_OLD_PLUGINS="v0.12.0 v0.14.1"

  # The official images. The node image is the default of that kind version,
  # pinned by digest as kind pins it.
  PMP_OFFICIAL_VAULT_IMAGE=hashicorp/vault:${PMP_VAULT_VERSION#v}
  PMP_OFFICIAL_OPENBAO_IMAGE=openbao/openbao:${PMP_OPENBAO_VERSION#v}
  PMP_OFFICIAL_NODE_IMAGE=kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5

  # The same, built here where those can not be pulled.
  PMP_LOCAL_VAULT_IMAGE=pmp-vault-conformance/vault:${PMP_VAULT_VERSION#v}
  PMP_LOCAL_OPENBAO_IMAGE=pmp-vault-conformance/openbao:${PMP_OPENBAO_VERSION#v}
  PMP_LOCAL_NODE_IMAGE=pmp-vault-conformance/node:$PMP_KUBERNETES_VERSION
}

# The probe goes into an image without a C library, so the binary is static.
# That needs an explicit target (proc-macros can not be built static), and one
# target for every cargo call means one target folder and no second build.
if [ -z "${CARGO_BUILD_TARGET:-}" ] && command -v rustc >/dev/null; then
  CARGO_BUILD_TARGET=$(rustc -vV | sed -n 's/^host: //p')
  export CARGO_BUILD_TARGET
fi
case "${CARGO_BUILD_TARGET:-}" in
x86_64-unknown-linux-gnu)
  export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static"
  ;;
aarch64-unknown-linux-gnu)
  export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static"
  ;;
esac

# Which images the harness takes: written by scripts/images when it built some.
# What the caller's environment says goes before what the file says.
if [ -r "$PMP_CACHE/images.env" ]; then
  # shellcheck source=/dev/null
  . "$PMP_CACHE/images.env"
fi

need_rust() { # SCRIPT
  [ -n "${CARGO_BUILD_TARGET:-}" ] && command -v cargo >/dev/null && return
  echo "$1: no Rust here; install Rust 1.89 or newer with rustfmt and clippy (rustup), then call again" >&2
  exit 1
}

# What COMMAND finds is there; else Debian's package is installed.
need_package() { # SCRIPT PACKAGE COMMAND…
  local script=$1 package=$2
  shift 2
  "$@" >/dev/null 2>&1 && return
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "$script: installing $package" >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package"; } \
      </dev/null >&2 && return
  fi
  echo "$script: $package is missing and could not be installed with apt-get (Debian, as root); install it, then call again" >&2
  exit 1
}

# For a number that a flag takes.
need_count() { # SCRIPT FLAG [VALUE]
  [[ ${3:-} =~ ^[1-9][0-9]{0,5}$ ]] && return
  echo "$1: $2 takes a number of at least 1${3:+, not $3}" >&2
  exit 2
}

# Tells wrong arguments of a command in the program's own words, and its help, before
# anything but the program is built. `--help` behind them makes the program do nothing else.
need_arguments() { # COMMAND [ARGUMENT…]
  local program
  [ $# -gt 1 ] || return 0
  program=$(scripts/build)
  case " $* " in *" -h "* | *" --help "*) exec "$program" "$1" --help ;; esac
  "$program" "$@" --help >/dev/null || exit
}
