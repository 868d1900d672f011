# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared with local-deploy.sh
# Step 4: an ingress controller; Traefik from its chart, where the cluster has none.

readonly chart_repository=https://traefik.github.io/charts

ingress_classes() { kube get ingressclasses -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}' 2>/dev/null || true; }

# The class for our Ingresses: Traefik's where there is one.
ingress_class() {
  local classes
  classes=$(ingress_classes)
  case $'\n'$classes$'\n' in
    *$'\n'traefik$'\n'* | $'\n\n') say traefik ;;
    *) printf '%s\n' "$classes" | head -n 1 ;;
  esac
}

install_traefik() {
  begin "ingress controller" 6
  if [[ $(ingress_classes) ]]; then
    say "ingress:  $(ingress_classes | tr '\n' ' ')is there"
    return
  fi
  [[ $target != k3s ]] || fail "this k3s has no ingress class: it was started with --disable=traefik, or is still starting" \
    "kubectl --context $context -n kube-system get pods" "install an ingress controller"
  have helm || [[ $dry_run ]] || fail "helm is missing, and the cluster has no ingress controller" "$(how_to_get helm)"
  say "ingress:  installing Traefik"
  local source=traefik/traefik
  if [[ $chart ]]; then
    source=$chart
    deliver_traefik_image
  else
    { run helm repo add traefik "$chart_repository" && run helm repo update traefik; } >/dev/null ||
      fail "$chart_repository cannot be read" "--chart PATH, with a chart from elsewhere"
  fi
  blame default traefik
  run helm install traefik "$source" --kube-context "$context" --namespace default -f "$here/k8s/values.yaml" --wait \
    --timeout "${timeout}s" >/dev/null || fail "helm could not install Traefik" "helm --kube-context $context status traefik" \
    "helm --kube-context $context uninstall traefik, then again"
  changed=yes
  remember traefik
}

# Without the network the cluster cannot pull Traefik either: take it from the local Docker, where it is there.
deliver_traefik_image() {
  local traefik
  have helm && have docker || return 0
  traefik=$(helm template traefik "$chart" --kube-version 1.34.0 -f "$here/k8s/values.yaml" 2>/dev/null |
    sed -n 's/^[ -]*image: *"\{0,1\}\([^" ]*\)"\{0,1\} *$/\1/p' | head -n 1) || return 0
  traefik=${traefik#docker.io/}
  if [[ $traefik ]] && is_local "$traefik"; then import_image "$traefik"; fi
}

remove_traefik() {
  made traefik || return 0
  if [[ $(kube get ingress --all-namespaces -o name 2>/dev/null) ]]; then
    say "kept:     Traefik, since there are other Ingresses"
    return
  fi
  run helm uninstall traefik --kube-context "$context" --namespace default --wait >/dev/null ||
    fail "helm could not remove Traefik" "helm --kube-context $context status traefik"
  forget traefik
  say "removed:  Traefik, which this script had installed"
}
