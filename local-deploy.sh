#!/usr/bin/env bash
# Puts podring on a Kubernetes cluster: makes what is missing, changes what has changed, and checks the result.
# `./local-deploy.sh --help` says how. Exit codes: 0 deployed and checked (or nothing to do), 2 wrong usage, and one for
# each step that can fail: 3 programs, 4 cluster, 5 image, 6 ingress controller, 7 rollout or removal, 8 self-check.
#
# The steps are in k8s/deploy/, one file each. Runs with bash 3.2 (macOS) as well.
set -Eeuo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly here
readonly cluster=messaging-app-exercise # the k3d cluster; this script makes and removes no other

target=k3d context='' namespace=podring replicas='' host='' image='' load='' chart='' url='' timeout=300
action=deploy dry_run='' log_file=podring.log
asked_host='' # --host as given; host may come from what is deployed
changed='' # set by a step that changed something in the cluster

# shellcheck source=k8s/deploy/output.sh
source "$here/k8s/deploy/output.sh"
# shellcheck source=k8s/deploy/cluster.sh
source "$here/k8s/deploy/cluster.sh"
# shellcheck source=k8s/deploy/image.sh
source "$here/k8s/deploy/image.sh"
# shellcheck source=k8s/deploy/ingress.sh
source "$here/k8s/deploy/ingress.sh"
# shellcheck source=k8s/deploy/rollout.sh
source "$here/k8s/deploy/rollout.sh"
# shellcheck source=k8s/deploy/self_check.sh
source "$here/k8s/deploy/self_check.sh"

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
  --timeout SECONDS how long each step may take (default: $timeout)
  --dry-run         say what would be done, and do nothing
  --logs [FILE]     follow the logs of all pods, those that come and go included, into FILE (default: $log_file)
  --down            remove podring, and the cluster and Traefik where this script made them
  --help

Exit codes: 0 deployed and checked, or nothing to do; 2 wrong usage; 3 a program is missing; 4 no cluster; 5 the image;
6 the ingress controller; 7 rollout or removal; 8 self-check.
TEXT
}

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
        [[ ${1:-} ]] || wrong "$option needs a value; see --help"
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
  check_options
  asked_host=$host
}

check_options() {
  [[ $target =~ ^(k3d|k3s|context)$ ]] || wrong "--target is k3d, k3s or context, not '$target'"
  [[ ! $replicas || $replicas =~ ^(0|[1-9][0-9]{0,3})$ ]] || wrong "--replicas takes a number, not '$replicas'"
  [[ $timeout =~ ^[1-9][0-9]{0,4}$ ]] || wrong "--timeout takes seconds, not '$timeout'"
  [[ $namespace =~ ^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$ ]] || wrong "--namespace: '$namespace' cannot name a namespace"
  [[ ! $host || $host =~ ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$ ]] || wrong "--host: '$host' is no host name in small letters"
  [[ ! $image || ${image##*/} == *[:@]* ]] || wrong "--image needs a tag or digest: NAME:TAG, not '$image'"
  [[ ! $chart || -e $chart ]] || wrong "--chart: $chart does not exist"
  [[ $target == context || ! $context$load ]] || wrong "--context and --load go with --target context"
  if [[ $action == deploy && $target == context && ! $image && ! $load ]]; then
    wrong "--target context needs --image NAME:TAG (in a registry that the cluster reads) or --load COMMAND"
  fi
}

what_next() {
  local where=${url:-http://ADDRESS-OF-THE-INGRESS} k="kubectl --context $context -n $namespace" again="./local-deploy.sh"
  if [[ $target != k3d ]]; then again="$again --target $target"; fi
  if [[ $target == context ]]; then again="$again --context $context"; fi
  if [[ $namespace != podring ]]; then again="$again --namespace $namespace"; fi
  cat <<TEXT

podring runs as $image. What to do next:
  open     $where
  seed     curl -H 'Content-Type: application/json' -d '{"message": "hello", "wait": "completed"}' $where/messages
  watch    $k logs -f -l app.kubernetes.io/name=podring --prefix --max-log-requests 50
  scale    $k scale deployment podring --replicas 8
  keep     $again --logs podring.log     (verify-logs reads it)
  remove   $again --down
TEXT
}

deploy() {
  check_programs
  find_cluster
  build_image
  deliver_image
  install_traefik
  apply
  if [[ $dry_run ]]; then
    say "check:    would wait for the pods, then ask ${url:-the ingress} for the ring and send a message round it"
    return
  fi
  wait_for_rollout
  self_check
  if [[ $changed ]]; then what_next; else say "nothing had changed: $image is deployed"; fi
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
    run k3d cluster delete "$cluster" || fail "k3d could not delete the cluster" "k3d cluster list"
    say "removed:  the k3d cluster $cluster; the images stay in Docker (docker image ls podring)"
    return
  fi
  remove_ring
  remove_traefik
  if [[ $target == k3d ]]; then say "kept:     the cluster $cluster, which this script did not make: k3d cluster delete $cluster"; fi
}

parse_options "$@"
case $action in
  deploy) deploy ;;
  logs) follow_logs ;;
  down) down ;;
esac
