# shellcheck shell=bash
# Official images: whether they are here, and getting them. Source it after machine.sh.

engine_answers() { timeout 20 docker version >/dev/null 2>&1; }

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# Pulls, but gives up at once where no registry answers: the engine names the
# image as soon as one has, and what it does then may take its time.
# shellcheck disable=SC2154 # build and child are machine.sh's
pull() {
  local log=$build/logs/pull.log waited=0 status=0
  has_image "$1" && return 0
  begin "$log" docker pull "$1"
  while kill -0 "$child" 2>/dev/null; do
    if grep -q 'Pulling from' "$log"; then
      echo "${0##*/}: pulling $1"
      break
    fi
    sleep 0.2
    waited=$((waited + 1))
    if ((waited > 40)); then
      kill "$child" 2>/dev/null || true
    fi
  done
  wait "$child" 2>/dev/null || status=$?
  end_child
  [ $status != 0 ] || return 0
  echo "${0##*/}: $1 can not be pulled: $(tail -n 1 "$log" | cut -c 1-160)"
  return 1
}
