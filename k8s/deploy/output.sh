# shellcheck shell=bash disable=SC2154  # variables come from local-deploy.sh
# Saying things, failing with a reason, and running commands so that --dry-run only says them.

step='command line' step_code=2 blamed=()

say() { printf '%s\n' "$*"; }

# begin NAME CODE: the step that a failure from here on belongs to, and its exit code.
begin() { step=$1 step_code=$2 blamed=(); }

# blame NAMESPACE APP: the pods that a failure of this step is about, from here on.
blame() { blamed=("$1" "$2"); }

# fail WHY [WHAT-TO-TRY]...: the reason, what the cluster says about it, and what to try.
fail() {
  trap - ERR
  printf '\nlocal-deploy.sh: step "%s" failed: %s\n' "$step" "$1" >&2
  shift
  if ((${#blamed[@]})); then show_trouble "${blamed[@]}" >&2; fi
  while (($#)); do
    printf '  try: %s\n' "$1" >&2
    shift
  done
  exit "$step_code"
}

trap 'fail "this command ended with exit code $?: $BASH_COMMAND"' ERR

# show_trouble NAMESPACE APP: its pods, and what they and the namespace's events say.
show_trouble() {
  printf '\nPods:\n'
  kube -n "$1" get pods -o wide 2>&1 | sed 's/^/  /' || true
  printf 'Latest events:\n'
  kube -n "$1" get events --sort-by=.lastTimestamp 2>&1 | tail -n 8 | sed 's/^/  /' || true
  printf 'Last log lines:\n'
  local pod
  for pod in $(kube -n "$1" get pods -l "app.kubernetes.io/name=$2" -o name 2>/dev/null | head -n 4); do
    { kube -n "$1" logs --prefix --tail 3 "$pod" ||
      kube -n "$1" logs --prefix --tail 3 --previous "$pod"; } 2>&1 | sed 's/^/  /' || true
  done
}

exec 3>&1 # where --dry-run speaks, also when a command's own output is of no interest

say_command() { { printf '+' && printf ' %q' "$@" && printf '\n'; } >&3; }

# run COMMAND...: do it, or with --dry-run say it.
run() {
  if [[ ! $dry_run ]]; then
    "$@"
    return
  fi
  if [[ $1 == kube ]]; then set -- kubectl --context "$context" "${@:2}"; fi
  say_command "$@"
}

# run_within SECONDS PROGRAM...: as `run`, and ended after so long. (Not every system has `timeout`.)
run_within() {
  local limit=$((SECONDS + $1)) pid
  shift
  if [[ $dry_run ]]; then
    say_command "$@"
    return
  fi
  "$@" &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    if ((SECONDS >= limit)); then
      say "          $1 did not end in time and is stopped"
      kill "$pid" 2>/dev/null || true
      sleep 2
      kill -KILL "$pid" 2>/dev/null || true
    fi
    sleep 0.2
  done
  wait "$pid"
}

kube() { kubectl --context "$context" "$@"; }
have() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }
