# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared with local-deploy.sh
# Step 5: the manifests for this target, applied, and the wait until every pod is new and ready.

readonly part_of=app.kubernetes.io/part-of=podring

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
  local folder=$1 base=base class
  case $target in
    k3d) base=overlays/k3d ;;
    k3s) base=overlays/test-machine ;;
  esac
  class=$(ingress_class)
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
    printf 'patches:\n'
    patch_ingress '.*' add /spec/ingressClassName "$class"
    if [[ $host ]]; then patch_ingress podring-host replace /spec/rules/0/host "$host"; fi
  } >"$folder/kustomization.yaml"
}

deployed() { kube -n "$namespace" get deployment podring -o "jsonpath=$1" 2>/dev/null || true; }
deployed_host() { kube -n "$namespace" get ingress podring-host -o 'jsonpath={.spec.rules[0].host}' 2>/dev/null || true; }

apply() {
  begin "rollout" 7
  blame "$namespace" podring
  # What `kubectl scale` or an earlier --host set stays, unless an option says otherwise.
  if [[ ! $replicas ]]; then replicas=$(deployed '{.spec.replicas}'); fi
  if [[ ! $host ]]; then host=$(deployed_host); fi
  local folder=$here/build/deploy/$target-$namespace result
  write_kustomization "$folder"
  if [[ $dry_run ]]; then
    run kube apply -k "$folder"
    return
  fi
  # `kubectl apply` calls some objects configured though nothing differs; `kubectl diff` does not.
  if kube diff -k "$folder" >/dev/null 2>&1; then return; fi
  changed=yes
  if ! kube get namespace "$namespace" >/dev/null 2>&1; then remember "namespace-$namespace"; fi
  result=$(kube apply -k "$folder" 2>&1) || fail "kubectl apply failed: $result" "kubectl kustomize $folder"
  printf '%s\n' "$result" | { grep -v ' unchanged$' || true; } | sed 's/^/rollout:  /'
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
  blame "$namespace" podring
  local deadline=$((SECONDS + timeout)) line='' last='' waiting hopeless hopeless_since=$SECONDS
  local generation observed wanted present updated available
  while :; do
    IFS=/ read -r generation observed wanted present updated available <<<"$(deployed \
      '{.metadata.generation}/{.status.observedGeneration}/{.spec.replicas}/{.status.replicas}/{.status.updatedReplicas}/{.status.availableReplicas}')"
    if [[ $generation && $observed == "$generation" && ${updated:-0} == "$wanted" && ${present:-0} == "$wanted" &&
      ${available:-0} == "$wanted" ]]; then
      break
    fi
    waiting=$(unready_pods)
    line="${updated:-0} of $wanted pods are new, ${available:-0} ready"
    if [[ $waiting ]]; then line="$line; $(printf '%s\n' "$waiting" | head -n 3 | tr '\n' ' ')"; fi
    if [[ $line != "$last" ]]; then say "rollout:  $line" && last=$line; fi
    hopeless=$(hopeless_reason "$waiting")
    if [[ ! $hopeless ]]; then hopeless_since=$SECONDS; fi
    ((SECONDS < hopeless_since + 15)) || fail "$hopeless" "the events and log lines above say more" \
      "kubectl --context $context -n $namespace describe pods"
    ((SECONDS < deadline)) || fail "not done after $timeout s" "kubectl --context $context -n $namespace describe pods" \
      "--timeout $((timeout * 2))"
    sleep 1
  done
  replicas=$wanted
  say "rollout:  $wanted of $wanted pods are ready"
}

# The ring's own objects, and the namespace where this script made it.
remove_ring() {
  if made "namespace-$namespace"; then
    run kube delete namespace "$namespace" --wait --ignore-not-found >/dev/null
    forget "namespace-$namespace"
    say "removed:  the namespace $namespace"
    return
  fi
  run kube -n "$namespace" delete deployment,service,ingress,networkpolicy,poddisruptionbudget,serviceaccount,configmap \
    -l "$part_of" --wait --ignore-not-found >/dev/null
  say "removed:  podring's objects from the namespace $namespace, which stays: this script did not make it"
}
