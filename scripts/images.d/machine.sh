# shellcheck shell=bash
# Steps that are done once. A step has a key, made from everything that the step is
# made from, and where a result of that key is there, nothing is done. Source it from
# the folder that sources are named from; results are kept below $PMP_CACHE.
#
#   step NAME SECONDS "OUTPUT…" "SOURCE…" SCRIPT [ARGUMENT…]   declares a step
#   plan [NAME…]                                               looks what is outstanding
#   run_steps                                                  does it
#
# An OUTPUT is a path below $PMP_CACHE, or `image:NAME`. A SOURCE is a file or folder,
# `@NAME` for a step that was declared before, or `go` for the toolchain. The script and
# its arguments are sources anyway. So whatever decides about a result is to be in a
# file, or in an argument: a step looks at no variable but PMP_CACHE and STEP_KEY, which
# an image carries as its label.

build=$PMP_CACHE/build
label=pmp-vault-conformance.key

step_names=()
declare -A step_seconds step_outputs step_commands step_keys
planned=()
pending=0 # seconds that the outstanding steps are expected to take
child=    # the process group that is at work

fail() {
  echo "${0##*/}: $1" >&2
  exit 1
}

# One call at a time works below $build.
lock_build() {
  mkdir -p "$build"/{bin,keys,logs} "$PMP_CACHE/bin"
  exec 9>"$build/lock"
  if ! flock -n 9; then
    echo "${0##*/}: another call is at work; waiting for it"
    flock 9
  fi
}

# Ends what is at work, all of it, and waits until it is gone.
end_child() {
  local tries=0
  [ -n "$child" ] || return 0
  kill -- "-$child" 2>/dev/null || true
  while kill -0 -- "-$child" 2>/dev/null; do
    sleep 0.2
    tries=$((tries + 1))
    if ((tries == 50)); then kill -KILL -- "-$child" 2>/dev/null || true; fi
    if ((tries > 60)); then break; fi
  done
  child=
}
trap end_child EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Starts a command in a process group of its own, so that all of it can be ended. It
# does not get the lock, which would outlive this call with it.
begin() { # LOG COMMAND…
  local log=$1
  shift
  set -m
  "$@" </dev/null >"$log" 2>&1 9>&- &
  child=$!
  set +m
}

# Of files and folders: names, modes and contents.
digest_of() {
  tar -P --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=go-w -c "$1" | sha256sum
}

# What the toolchain makes of the same source depends on these. Go cannot be asked
# where it is not installed, and then nothing is compiled either.
toolchain() { go env GOVERSION GOARCH GOAMD64 GOARM64 GOEXPERIMENT; }

key_of() { # COMMAND SOURCE…
  local source text
  printf 'command %s\n' "$1"
  shift
  for source in "$@"; do
    case $source in
    go) text=$(toolchain) ;;
    @*) text=${step_keys[${source#@}]} ;;
    *) text=$(digest_of "$source") ;;
    esac || return 1
    printf '%s %s\n' "$source" "$text"
  done
}

step() { # NAME SECONDS "OUTPUT…" "SOURCE…" SCRIPT [ARGUMENT…]
  local name=$1 sources key
  step_names+=("$name")
  step_seconds[$name]=$2
  step_outputs[$name]=$3
  read -ra sources <<<"$4 $5"
  shift 4
  step_commands[$name]=$(printf '%q ' "$@")
  key=$(key_of "${step_commands[$name]}" "${sources[@]}") || fail "what the step $name is made from is not all there"
  step_keys[$name]=$(sha256sum <<<"$key" | cut -c 1-16)
}

is_done() { # NAME
  local output key=${step_keys[$1]}
  for output in ${step_outputs[$1]}; do
    case $output in
    image:*) [ "$(docker image inspect -f "{{index .Config.Labels \"$label\"}}" "${output#image:}" 2>/dev/null)" = "$key" ] ;;
    *) [ -e "$PMP_CACHE/$output" ] && [ "$(cat "$build/keys/$1" 2>/dev/null)" = "$key" ] ;;
    esac || return 1
  done
}

# Its result is from elsewhere now.
forget_step() { rm -f "$build/keys/$1"; }

plan() { # [NAME…]
  local name
  planned=("$@")
  [ $# -gt 0 ] || planned=("${step_names[@]}")
  pending=0
  for name in "${planned[@]}"; do
    is_done "$name" || pending=$((pending + step_seconds[$name]))
  done
}

run_steps() {
  local name number=0 expected=0 spent=0 left started
  for name in "${planned[@]}"; do
    number=$((number + 1))
    if is_done "$name"; then
      echo "[$number/${#planned[@]}] $name: there already"
      continue
    fi
    # The figures are one machine's; this one's pace shows after a while.
    left=$pending
    if ((expected >= 20)); then left=$((pending * spent / expected)); fi
    echo "[$number/${#planned[@]}] $name … about $(((left + 59) / 60)) min left"
    started=$SECONDS
    run_step "$name"
    pending=$((pending - step_seconds[$name])) expected=$((expected + step_seconds[$name])) spent=$((spent + SECONDS - started))
  done
}

run_step() { # NAME
  local name=$1 log=$build/logs/$1.log waited=0 status=0 command
  eval "command=(${step_commands[$name]})"
  # A result that is half written, or of another key, must not pass for the old one.
  forget_step "$name"
  umask 022
  STEP_KEY=${step_keys[$name]} begin "$log" "${command[@]}"
  while kill -0 "$child" 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
    if ((waited % 60 == 0)); then echo "        $((waited / 60)) min on $name"; fi
  done
  wait "$child" || status=$?
  end_child
  if [ $status != 0 ]; then
    tail -n 20 "$log" >&2
    if grep -qi 'no space left on device' "$log"; then
      df -h "$PMP_CACHE" "$(go env GOCACHE)" "$(go env GOMODCACHE)" "${TMPDIR:-/tmp}" | uniq >&2 || true
      fail "the step $name failed because a disk is full (docs/images.md says what it takes); with more room, the same call goes on from here"
    fi
    fail "the step $name failed (all it said: $log); after a repair, the same call goes on from here"
  fi
  echo "${step_keys[$name]}" >"$build/keys/$name"
}
