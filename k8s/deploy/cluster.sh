# shellcheck shell=bash disable=SC2154  # variables come from local-deploy.sh
# Steps 1 and 2: the programs that are needed, and the cluster, which for k3d is created when it is missing.

readonly marker=podring-local-deploy # ConfigMaps in kube-system, podring-local-deploy-WHAT, say what this script made

how_to_get() {
  case $1 in
    docker) say "Debian: apt-get install docker.io; else https://docs.docker.com/engine/install" ;;
    k3d) say "https://k3d.io, 'Install'; Homebrew: brew install k3d" ;;
    helm) say "https://helm.sh/docs/intro/install; Homebrew: brew install helm" ;;
    kubectl) say "https://kubernetes.io/docs/tasks/tools; Homebrew: brew install kubectl" ;;
    k3s) say "https://docs.k3s.io/quick-start" ;;
    python3) say "Debian: apt-get install python3; Homebrew: brew install python" ;;
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
  if [[ $target == k3s && $action == deploy ]]; then needed+=(k3s); fi
  for program in "${needed[@]}"; do
    have "$program" && continue
    missing="$missing $program"
    say "$program is missing: $(how_to_get "$program")"
  done
  [[ ! $missing || $dry_run ]] || fail "missing:$missing" "install what is named above, then run this again"
  if [[ " ${needed[*]} " == *' docker '* && ! $dry_run ]] && ! docker info >/dev/null 2>&1; then
    fail "the Docker engine does not answer" "docker info" "start it (Linux: systemctl start docker)" \
      "join the group docker, then log in again, where it says 'permission denied'"
  fi
}

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
    kube get --request-timeout=20s --raw /readyz >/dev/null 2>&1 || fail "the API server of context '$context' does not answer" \
      "kubectl --context $context get nodes" "kubectl config get-contexts"
  fi
  say "cluster:  context $context"
}

k3d_cluster_exists() { have k3d && k3d cluster list "$cluster" >/dev/null 2>&1; }

find_k3d() {
  context=k3d-$cluster
  if ! k3d_cluster_exists; then
    if [[ $action != deploy ]]; then
      say "cluster:  there is no k3d cluster $cluster: nothing to do"
      exit 0
    fi
    say "cluster:  creating $cluster, one server and three agents"
    run_within "$timeout" k3d cluster create "$cluster" --servers 1 --agents 3 --port 80:80@loadbalancer \
      --port 443:443@loadbalancer --port 8000:8000@loadbalancer --k3s-arg "--disable=traefik@server:0" ||
      fail "k3d could not create the cluster" "k3d cluster delete $cluster, then again" \
        "docker ps: are ports 80, 443 and 8000 free?" "docker logs k3d-$cluster-server-0"
    remember cluster
  elif [[ $(k3d cluster list "$cluster" --no-headers 2>/dev/null) =~ [[:space:]]0/1[[:space:]] ]]; then
    say "cluster:  $cluster is stopped: starting it"
    run_within "$timeout" k3d cluster start "$cluster" || fail "k3d could not start the cluster" "k3d cluster list"
  fi
}

# remember WHAT: leave a note in the cluster that this script made WHAT; made WHAT: is there one?
remember() {
  made "$1" || run kube -n kube-system create configmap "$marker-$1" --from-literal=made-by=local-deploy.sh >/dev/null ||
    fail "the note that this script made the $1 could not be written" "kubectl --context $context get nodes"
}
made() { kube -n kube-system get configmap "$marker-$1" >/dev/null 2>&1; }
forget() { run kube -n kube-system delete configmap "$marker-$1" --ignore-not-found >/dev/null; }
