#!/usr/bin/env bash
# Puts podring on a Kubernetes cluster: makes what is missing, changes what has changed, and checks the result.
# `./local-deploy.sh --help` says how. Exit codes: 0 deployed and checked (or nothing to do), 2 wrong usage, and one for
# each step that can fail: 3 programs, 4 cluster, 5 image, 6 ingress controller, 7 rollout, 8 self-check.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly here
readonly cluster=messaging-app-exercise  # the k3d cluster; this script makes and removes no other
readonly marker=podring-local-deploy     # a ConfigMap in kube-system that says what this script has made
readonly chart_repository=https://traefik.github.io/charts

target=k3d context='' namespace=podring replicas='' host='' image='' load='' chart='' url='' timeout=180
action=deploy dry_run='' log_file=podring.log
step='command line' step_code=2
made_cluster='' changed='' current_image=''

usage() {
  cat <<TEXT
usage: ./local-deploy.sh [OPTION]...

Puts podring on a cluster. Run it again after a change, and it rolls the change out; without a change it does nothing.

  --target k3d      (default) the k3d cluster $cluster on this machine, created when it is missing
           k3s      the k3s of this machine
           context  the cluster of a kubectl context
  --context NAME    with --target context: which one (default: kubectl's current context)
  --namespace NAME  one ring lives in one namespace (default: podring)
  --replicas N      how many pods (default: as many as there are, 3 at first)
  --host NAME       host name of the second Ingress (the first one takes every name)
  --image NAME:TAG  deploy this image; nothing is built. For --target context it must be in a registry that the
                    cluster reads, unless --load is given
  --load COMMAND    with --target context: a command that puts a local image on every node; it gets the image as its
                    last argument, such as 'kind load docker-image'
  --chart PATH      Traefik's chart on disk, for machines without the network
  --url URL         where the ingress answers (default: http://localhost for k3d, else asked of the cluster)
  --timeout SECONDS how long the pods may take (default: $timeout)
  --dry-run         say what would be done, and do nothing
  --logs [FILE]     follow the logs of all pods, those that come and go included, into FILE (default: $log_file)
  --down            remove podring, and the cluster and Traefik where this script made them
  --help
TEXT
}

# ---- saying things --------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }
begin() { step=$1 step_code=$2; }

# fail WHY [WHAT-TO-TRY]...: the reason, what the cluster says about it, and what to try.
fail() {
  trap - ERR
  printf '\nlocal-deploy.sh: step "%s" failed: %s\n' "$step" "$1" >&2
  shift
  if [[ $step_code == 7 || $step_code == 8 ]]; then show_trouble >&2; fi
  while (($#)); do
    printf '  try: %s\n' "$1" >&2
    shift
  done
  exit "$step_code"
}

trap 'fail "this command ended with exit code $?: $BASH_COMMAND"' ERR
set -E

show_trouble() {
  printf '\nPods:\n'
  kube -n "$namespace" get pods -o wide 2>&1 | sed 's/^/  /' || true
  printf 'Latest events:\n'
  kube -n "$namespace" get events --sort-by=.lastTimestamp 2>&1 | tail -n 8 | sed 's/^/  /' || true
  printf 'Last log lines:\n'
  local pod
  for pod in $(kube -n "$namespace" get pods -l app.kubernetes.io/name=podring -o name 2>/dev/null); do
    { kube -n "$namespace" logs --prefix --tail 3 "$pod" ||
      kube -n "$namespace" logs --prefix --tail 3 --previous "$pod"; } 2>&1 | sed 's/^/  /' || true
  done
}

exec 3>&1  # where --dry-run speaks, also when a command's own output is of no interest

# run COMMAND...: do it, or with --dry-run say it.
run() {
  if [[ $dry_run ]]; then
    if [[ $1 == kube ]]; then set -- kubectl --context "$context" "${@:2}"; fi
    { printf '+' && printf ' %q' "$@" && printf '\n'; } >&3
  else
    "$@"
  fi
}

# within SECONDS COMMAND...: as `timeout`, which not every system has.
within() {
  local limit=$((SECONDS + $1)) pid
  shift
  "$@" &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    ((SECONDS < limit)) || kill "$pid" 2>/dev/null || true
    sleep 0.2
  done
  wait "$pid"
}

kube() { kubectl --context "$context" "$@"; }
have() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

# ---- options --------------------------------------------------------------------------------------------------------

wrong() {
  printf 'local-deploy.sh: %s\n' "$*" >&2
  exit 2
}

parse_options() {
  local option
  while (($#)); do
    option=$1
    shift
    case $option in
      --target | --context | --namespace | --replicas | --host | --image | --load | --chart | --url | --timeout)
        (($#)) || wrong "$option needs a value; see --help"
        ;;
    esac
    case $option in
      --target) target=$1 ;;
      --context) context=$1 ;;
      --namespace) namespace=$1 ;;
      --replicas) replicas=$1 ;;
      --host) host=$1 ;;
      --image) image=$1 ;;
      --load) load=$1 ;;
      --chart) chart=$1 ;;
      --url) url=${1%/} ;;
      --timeout) timeout=$1 ;;
      --dry-run) dry_run=yes && continue ;;
      --down) action=down && continue ;;
      --logs)
        action=logs
        if (($#)) && [[ $1 != -* ]]; then log_file=$1 && shift; fi
        continue
        ;;
      --help | -h) usage && exit 0 ;;
      *) wrong "$option is no option; see --help" ;;
    esac
    shift
  done
  [[ $target =~ ^(k3d|k3s|context)$ ]] || wrong "--target is k3d, k3s or context, not '$target'"
  [[ ! $replicas || $replicas =~ ^[0-9]+$ ]] || wrong "--replicas takes a number, not '$replicas'"
  [[ $timeout =~ ^[1-9][0-9]*$ ]] || wrong "--timeout takes seconds, not '$timeout'"
  [[ $namespace =~ ^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$ ]] || wrong "--namespace: '$namespace' cannot name a namespace"
  [[ ! $host || $host =~ ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$ ]] || wrong "--host: '$host' is no host name in small letters"
  [[ ! $image || ${image##*/} == *:* ]] || wrong "--image needs a tag or digest: NAME:TAG, not '$image'"
  [[ ! $chart || -e $chart ]] || wrong "--chart: $chart does not exist"
  [[ $target == context || ! $context$load ]] || wrong "--context and --load go with --target context"
  if [[ $action == deploy && $target == context && ! $image && ! $load ]]; then
    wrong "--target context needs --image NAME:TAG (in a registry that the cluster reads) or --load COMMAND"
  fi
}

# ---- programs -------------------------------------------------------------------------------------------------------

how_to_get() {
  case $1 in
    docker) say "Debian: apt-get install docker.io; else https://docs.docker.com/engine/install" ;;
    k3d) say "https://k3d.io, 'Install'; Homebrew: brew install k3d" ;;
    helm) say "https://helm.sh/docs/intro/install; Homebrew: brew install helm" ;;
    kubectl) say "https://kubernetes.io/docs/tasks/tools; Homebrew: brew install kubectl" ;;
    k3s) say "https://docs.k3s.io/quick-start" ;;
    python3) say "Debian: apt-get install python3" ;;
    *) say "Debian: apt-get install $1" ;;
  esac
}

check_programs() {
  begin "programs" 3
  local needed=(kubectl) program missing=''
  if [[ $action == logs ]]; then needed+=(python3); fi
  if [[ $action == deploy ]]; then needed+=(curl); fi
  if [[ $action == deploy && ! $image || $target == k3d ]]; then needed+=(docker); fi
  if [[ $target == k3d ]]; then needed+=(k3d helm); fi
  if [[ $target == k3s ]]; then needed+=(k3s); fi
  for program in "${needed[@]}"; do
    have "$program" && continue
    missing="$missing $program"
    say "$program is missing: $(how_to_get "$program")"
  done
  if [[ $missing && ! $dry_run ]]; then fail "missing:$missing"; fi
  if [[ " ${needed[*]} " == *' docker '* ]] && have docker && ! docker info >/dev/null 2>&1; then
    [[ $dry_run ]] || fail "the Docker engine does not answer" "docker info" "start it (Linux: systemctl start docker)" \
      "join the group docker, then log in again, where it says 'permission denied'"
  fi
}

# ---- cluster --------------------------------------------------------------------------------------------------------

k3d_cluster_exists() { have k3d && k3d cluster list "$cluster" >/dev/null 2>&1; }

find_cluster() {
  begin "cluster" 4
  case $target in
    k3d) find_k3d ;;
    k3s)
      if [[ ! ${KUBECONFIG:-} ]]; then export KUBECONFIG=/etc/rancher/k3s/k3s.yaml; fi
      [[ -r ${KUBECONFIG%%:*} || $dry_run ]] || fail "$KUBECONFIG cannot be read" "sudo chmod 644 $KUBECONFIG" \
        "KUBECONFIG=COPY-OF-IT ./local-deploy.sh --target k3s"
      context=$(kubectl config current-context 2>/dev/null || echo default)
      ;;
    context)
      if [[ ! $context ]]; then
        context=$(kubectl config current-context 2>/dev/null) || fail "kubectl has no current context" \
          "kubectl config get-contexts, then --context NAME"
      fi
      ;;
  esac
  if [[ ! $dry_run ]]; then
    within 20 kube get --raw /readyz >/dev/null 2>&1 || fail "the API server of context '$context' does not answer" \
      "kubectl --context $context get nodes" "kubectl config get-contexts"
  fi
  say "cluster:  context $context"
}

find_k3d() {
  context=k3d-$cluster
  if ! k3d_cluster_exists; then
    if [[ $action != deploy ]]; then
      say "cluster:  there is no k3d cluster $cluster: nothing to do"
      exit 0
    fi
    say "cluster:  creating $cluster, one server and three agents"
    within 300 run k3d cluster create "$cluster" --servers 1 --agents 3 --port 80:80@loadbalancer \
      --port 443:443@loadbalancer --port 8000:8000@loadbalancer --k3s-arg "--disable=traefik@server:0" ||
      fail "k3d could not create the cluster" "k3d cluster delete $cluster, then again" \
        "docker ps: are ports 80, 443 and 8000 free?" "docker logs k3d-$cluster-server-0"
    made_cluster=yes
    remember cluster
  elif [[ $(k3d cluster list "$cluster" --no-headers 2>/dev/null) =~ [[:space:]]0/1[[:space:]] ]]; then
    say "cluster:  $cluster is stopped: starting it"
    within 180 run k3d cluster start "$cluster" || fail "k3d could not start the cluster" "k3d cluster list"
  fi
}

# remember WHAT: leave a note in the cluster that this script made WHAT; made WHAT: is there one?
remember() {
  run kube -n kube-system create configmap "$marker-$1" --from-literal="made-by=local-deploy.sh" >/dev/null ||
    fail "the note that this script made the $1 could not be written" "kubectl --context $context get nodes"
}
made() { kube -n kube-system get configmap "$marker-$1" >/dev/null 2>&1; }

# ---- image ----------------------------------------------------------------------------------------------------------

sha256() { if have sha256sum; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

# The same content gives the same tag, whatever the commit.
content_tag() {
  (
    cd "$here"
    find Dockerfile .dockerignore CMakeLists.txt src tools -type f ! -name '*.pyc' | LC_ALL=C sort |
      while IFS= read -r file; do sha256 "$file"; done
  ) | sha256 | cut -c1-12
}

build_image() {
  begin "image" 5
  if [[ $image ]]; then
    say "image:    $image, as named"
    return
  fi
  image=podring:$(content_tag)
  if have docker && docker image inspect "$image" >/dev/null 2>&1; then
    say "image:    $image is built already"
    return
  fi
  local version revision
  version=$(sed -n 's/^project(podring VERSION \([0-9.]*\).*/\1/p' "$here/CMakeLists.txt")
  revision=$(git -C "$here" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
  if [[ $revision != unknown && $(git -C "$here" status --porcelain 2>/dev/null) ]]; then revision=$revision-changed; fi
  say "image:    building $image (the first time, this takes some minutes)"
  run docker build --build-arg "VERSION=$version" --build-arg "REVISION=$revision" -t "$image" -t podring:latest "$here" ||
    fail "docker build failed; its last lines are above" "docker build $here" "is Debian's archive reachable from a container?"
}

# The name under which containerd lists an image.
full_name() {
  local name=${1#docker.io/}
  case $name in
    *.*/* | *:*/* | localhost/*) say "$name" ;;
    */*) say "docker.io/$name" ;;
    *) say "docker.io/library/$name" ;;
  esac
}

k3d_nodes() {
  docker ps --filter "label=k3d.cluster=$cluster" --format '{{.Names}} {{.Label "k3d.role"}}' |
    awk '$2 == "server" || $2 == "agent" {print $1}' | sort
}

# The nodes that do not have image $1.
k3d_nodes_without() {
  local node name
  name=$(full_name "$1")
  for node in $(k3d_nodes); do
    docker exec "$node" ctr -n k8s.io images ls -q 2>/dev/null | grep -xF "$name" >/dev/null || printf '%s ' "$node"
  done
}

# k3d's import returns 0 although a node did not get the image, so every node is asked.
import_into_k3d() {
  local attempt missing
  if [[ $dry_run ]]; then
    run k3d image import "$1" -c "$cluster"
    return
  fi
  for attempt in 1 2 3 4; do
    missing=$(k3d_nodes_without "$1")
    [[ $missing ]] || return 0
    ((attempt < 4)) || break
    say "image:    importing $1 into ${missing% }"
    within 300 k3d image import "$1" -c "$cluster" >/dev/null 2>&1 || true
  done
  fail "$1 is still not on these nodes after three imports: $missing" "k3d image import $1 -c $cluster" \
    "docker exec ${missing%% *} df -h /var/lib"
}

import_into_k3s() {
  local nodes
  nodes=$(kube get nodes -o name 2>/dev/null | wc -l)
  ((nodes <= 1)) || fail "this k3s has $nodes nodes, and only this machine's can be loaded from here" \
    "push the image to a registry, then: ./local-deploy.sh --target k3s --image REGISTRY/podring:TAG"
  if [[ ! $dry_run ]] && as_root k3s ctr -n k8s.io images ls -q | grep -xF "$(full_name "$1")" >/dev/null; then return 0; fi
  say "image:    importing $1 into k3s"
  if [[ $dry_run ]]; then
    say "+ docker save $1 | k3s ctr -n k8s.io images import -"
  else
    docker save "$1" | as_root k3s ctr -n k8s.io images import - >/dev/null
  fi
}

# import_image IMAGE: from the local Docker onto every node, where that is this script's work.
import_image() {
  case $target in
    k3d) import_into_k3d "$1" ;;
    k3s) import_into_k3s "$1" ;;
    context)
      [[ $load ]] || return 0
      # shellcheck disable=SC2086  # a command with its arguments
      run $load "$1" || fail "'$load $1' failed"
      ;;
  esac
}

deliver_image() {
  begin "image" 5
  current_image=$(kube -n "$namespace" get deployment podring \
    -o 'jsonpath={.spec.template.spec.containers[0].image}' 2>/dev/null || true)
  case $target in
    k3d) if have docker && docker image inspect "$image" >/dev/null 2>&1 || [[ $dry_run ]]; then import_image "$image"; fi ;;
    k3s) if [[ $image == podring:* ]]; then import_image "$image"; fi ;;
    context) [[ $current_image == "$image" ]] || import_image "$image" ;;
  esac
}

# ---- ingress controller ---------------------------------------------------------------------------------------------

ingress_classes() { kube get ingressclasses -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}' 2>/dev/null || true; }

install_traefik() {
  begin "ingress controller" 6
  if [[ $(ingress_classes) && ! ($dry_run && $made_cluster) ]]; then
    say "ingress:  $(ingress_classes | tr '\n' ' ')is there"
    return
  fi
  [[ $target != k3s ]] || fail "this k3s has no ingress class: it was started with --disable=traefik" \
    "kubectl --context $context -n kube-system get pods" "install an ingress controller"
  have helm || [[ $dry_run ]] || fail "helm is missing, and the cluster has no ingress controller" "$(how_to_get helm)"
  say "ingress:  installing Traefik"
  local source=traefik/traefik
  if [[ $chart ]]; then
    source=$chart
    deliver_traefik_image
  else
    run helm repo add traefik "$chart_repository" >/dev/null ||
      fail "$chart_repository cannot be read" "--chart PATH, with a chart from elsewhere"
  fi
  run helm install traefik "$source" --kube-context "$context" --namespace default -f "$here/k8s/values.yaml" --wait \
    --timeout "${timeout}s" || fail "helm could not install Traefik" "helm --kube-context $context status traefik" \
    "kubectl --context $context get pods,events" "helm --kube-context $context uninstall traefik, then again"
  remember traefik
}

# Without the network the cluster cannot pull Traefik either: take it from the local Docker, where it is there.
deliver_traefik_image() {
  local traefik
  have helm && have docker || return 0
  traefik=$(helm template traefik "$chart" --kube-version 1.34.0 -f "$here/k8s/values.yaml" | sed -n 's/^ *image: *"\{0,1\}\([^" ]*\)"\{0,1\} *$/\1/p' | head -1)
  if [[ $traefik ]] && docker image inspect "$traefik" >/dev/null 2>&1; then import_image "$traefik"; fi
}

# ---- rollout --------------------------------------------------------------------------------------------------------

# patch_ingress NAME OPERATION PATH VALUE
patch_ingress() {
  cat <<YAML
- target: {kind: Ingress, name: $1}
  patch: |-
    - {op: $2, path: $3, value: $4}
YAML
}

# The overlay for this target and what the options add to it, in a folder that `kubectl apply -k` takes as well.
write_kustomization() {
  local folder=$1 base=base class=''
  case $target in
    k3d) base=overlays/k3d ;;
    k3s) base=overlays/test-machine ;;
    context) class=$(ingress_classes | head -1) ;;
  esac
  mkdir -p "$folder"
  {
    cat <<YAML
# Written by local-deploy.sh.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../../k8s/$base]
namespace: $namespace
images:
YAML
    case $image in
      *@*) printf -- '- {name: podring, newName: %s, digest: "%s"}\n' "${image%@*}" "${image#*@}" ;;
      *) printf -- '- {name: podring, newName: %s, newTag: "%s"}\n' "${image%:*}" "${image##*:}" ;;
    esac
    if [[ $replicas ]]; then printf 'replicas:\n- {name: podring, count: %s}\n' "$replicas"; fi
    if [[ $host || $class ]]; then printf 'patches:\n'; fi
    if [[ $host ]]; then patch_ingress podring-host replace /spec/rules/0/host "$host"; fi
    if [[ $class ]]; then patch_ingress '.*' add /spec/ingressClassName "$class"; fi
  } >"$folder/kustomization.yaml"
}

apply() {
  begin "rollout" 7
  # What `kubectl scale` set stays, unless --replicas says otherwise.
  if [[ ! $replicas ]]; then
    replicas=$(kube -n "$namespace" get deployment podring -o 'jsonpath={.spec.replicas}' 2>/dev/null || true)
  fi
  local folder=$here/build/deploy/$target-$namespace result
  write_kustomization "$folder"
  if [[ $dry_run ]]; then
    run kubectl --context "$context" apply -k "$folder"
    return
  fi
  # `kubectl apply` calls some objects configured though nothing differs; `kubectl diff` does not.
  if kube diff -k "$folder" >/dev/null 2>&1; then return; fi
  changed=yes
  result=$(kube apply -k "$folder" 2>&1) || fail "kubectl apply failed: $result" "kubectl kustomize $folder"
  printf '%s\n' "$result" | { grep -v ' unchanged$' || true; } | sed 's/^/rollout:  /'
}

# generation, observed, wanted, present, updated, available
deployment_state() {
  kube -n "$namespace" get deployment podring -o 'jsonpath={.metadata.generation}/{.status.observedGeneration}/{.spec.replicas}/{.status.replicas}/{.status.updatedReplicas}/{.status.availableReplicas}'
}

# One line for each pod that is not ready: its name and why.
unready_pods() {
  kube -n "$namespace" get pods -l app.kubernetes.io/name=podring --no-headers 2>/dev/null |
    awk '{split($2, ready, "/"); if (ready[1] != ready[2] && $3 != "Terminating") print $1 ": " $3}'
}

# What will not get better by waiting, when it lasts: an image may come, a container may start at the second try.
hopeless_reason() {
  case $1 in
    *ErrImagePull* | *ImagePullBackOff* | *ErrImageNeverPull* | *InvalidImageName*)
      say "a node has no image $image: load it into every node, or name one in a registry that the cluster reads" ;;
    *CrashLoopBackOff* | *Error*) say "a pod does not start" ;;
  esac
}

wait_for_rollout() {
  begin "rollout" 7
  local deadline=$((SECONDS + timeout)) line='' last='' waiting hopeless='' hopeless_since=0
  hopeless_since=$SECONDS
  local generation observed wanted present updated available
  while :; do
    IFS=/ read -r generation observed wanted present updated available <<<"$(deployment_state)"
    if [[ $observed == "$generation" && ${updated:-0} == "$wanted" && ${present:-0} == "$wanted" &&
      ${available:-0} == "$wanted" ]]; then
      break
    fi
    waiting=$(unready_pods)
    line="${updated:-0} of $wanted pods are new, ${available:-0} ready"
    if [[ $waiting ]]; then line="$line; $(printf '%s' "$waiting" | head -3 | tr '\n' ' ')"; fi
    if [[ $line != "$last" ]]; then say "rollout:  $line" && last=$line; fi
    hopeless=$(hopeless_reason "$waiting")
    if [[ ! $hopeless ]]; then hopeless_since=$SECONDS; fi
    ((SECONDS < hopeless_since + 15)) || fail "$hopeless" "the events and log lines above say more"
    ((SECONDS < deadline)) || fail "not done after $timeout s" "kubectl --context $context -n $namespace describe pods" \
      "--timeout $((timeout * 2))"
    sleep 1
  done
  replicas=$wanted
  say "rollout:  $wanted of $wanted pods are ready"
}

# ---- self-check -----------------------------------------------------------------------------------------------------

find_url() {
  [[ ! $url ]] || return 0
  if [[ $target == k3d ]]; then
    url=http://localhost
    return
  fi
  local address
  address=$(kube -n "$namespace" get ingress podring -o 'jsonpath={.status.loadBalancer.ingress[0].ip}{.status.loadBalancer.ingress[0].hostname}' 2>/dev/null || true)
  if [[ $address ]]; then url=http://$address; fi
}

ring_size() { { curl -fsS --max-time 5 "$url/ring" 2>/dev/null || true; } | grep -o '"view": *\[[^]]*\]' | grep -o '"[0-9a-f.:]*[.:][0-9a-f.:]*"' | wc -l | tr -d ' '; }

self_check() {
  begin "self-check" 8
  if [[ $dry_run ]]; then
    say "+ curl ${url:-http://localhost}/ring, then seed a message and wait for its end"
    return
  fi
  if [[ $replicas == 0 ]]; then say "check:    no pods were asked for" && return; fi
  find_url
  if [[ ! $url ]]; then
    say "check:    the Ingress has no address yet, so nothing was asked through it; --url URL names one"
    return
  fi
  local deadline=$((SECONDS + 60)) size answer
  until size=$(ring_size) && [[ $size == "$replicas" ]]; do
    ((SECONDS < deadline)) || fail "$url/ring shows $size of $replicas pods after 60 s" "curl -v $url/ring" \
      "kubectl --context $context -n $namespace get ingress,endpointslices" "is another service behind $url? then --url URL"
    sleep 1
  done
  say "check:    $url/ring shows all $size pods"
  [[ $changed ]] || return 0
  answer=$(curl -sS --max-time 35 -H 'Content-Type: application/json' \
    -d '{"message": "hello from local-deploy.sh", "laps": 1, "wait": "completed", "wait_ms": 30000}' "$url/messages" 2>&1) || true
  [[ $answer == *'"trace'* ]] || fail "a seeded message did not come round: $answer" "curl -v $url/ring" \
    "kubectl --context $context -n $namespace logs -l app.kubernetes.io/name=podring --prefix --tail 20"
  say "check:    a message went once round the ring"
}

what_next() {
  local where=${url:-http://ADDRESS-OF-THE-INGRESS} k="kubectl --context $context -n $namespace"
  if [[ $dry_run ]]; then return; fi
  cat <<TEXT

podring runs as $image. What to do next:
  open     $where
  seed     curl -H 'Content-Type: application/json' -d '{"message": "hello", "wait": "completed"}' $where/messages
  watch    $k logs -f -l app.kubernetes.io/name=podring --prefix --max-log-requests 50
  scale    $k scale deployment podring --replicas 8
  keep     ./local-deploy.sh --target $target --logs podring.log     (verify-logs reads it)
  remove   ./local-deploy.sh --target $target --down
TEXT
}

# ---- the three things it does ---------------------------------------------------------------------------------------

deploy() {
  check_programs
  find_cluster
  build_image
  deliver_image
  install_traefik
  apply
  if [[ ! $dry_run ]]; then wait_for_rollout; fi
  self_check
  if [[ $changed || $dry_run ]]; then what_next; else say "nothing had changed: $image is deployed"; fi
}

follow_logs() {
  check_programs
  find_cluster
  run exec "$here/tools/collect-logs" --context "$context" --namespace "$namespace" --output "$log_file"
}

down() {
  check_programs
  find_cluster
  begin "removal" 7
  if [[ $target == k3d ]] && made cluster; then
    run k3d cluster delete "$cluster"
    say "removed:  the k3d cluster $cluster; the images stay in Docker (docker image ls podring)"
    return
  fi
  local owner
  owner=$(kube get namespace "$namespace" -o 'jsonpath={.metadata.labels.app\.kubernetes\.io/part-of}' 2>/dev/null || true)
  if [[ $owner == podring ]]; then
    run kube delete namespace "$namespace" --wait
    say "removed:  the namespace $namespace"
  else
    say "removed:  nothing: the namespace $namespace is not there, or not podring's"
  fi
  if made traefik; then
    run helm uninstall traefik --kube-context "$context" --namespace default --wait
    run kube -n kube-system delete configmap "$marker-traefik"
    say "removed:  Traefik, which this script had installed"
  fi
  if [[ $target == k3d ]]; then say "kept:     the cluster $cluster, which this script did not make: k3d cluster delete $cluster"; fi
}

parse_options "$@"
case $action in
  deploy) deploy ;;
  logs) follow_logs ;;
  down) down ;;
esac
