# shellcheck shell=bash disable=SC2154  # variables come from local-deploy.sh
# Step 6: through the ingress, is every pod in the ring, and does a message come round?

find_url() {
  [[ ! $url ]] || return 0
  if [[ $target == k3d ]]; then
    url=http://localhost
    return
  fi
  local address
  address=$(kube -n "$namespace" get ingress podring \
    -o 'jsonpath={.status.loadBalancer.ingress[0].ip}{.status.loadBalancer.ingress[0].hostname}' 2>/dev/null || true)
  if [[ $address ]]; then url=http://$address; fi
}

# With --host the second Ingress is asked, which no other ring's can hide.
ask() {
  if [[ $asked_host ]]; then curl -sS -H "Host: $asked_host" "$@"; else curl -sS "$@"; fi
}

# How many addresses the view in $url/ring has; 0 without an answer.
ring_size() {
  { ask -f --max-time 5 "$url/ring" 2>/dev/null || true; } | tr -d ' \n' | grep -o '"view":\[[^]]*\]' |
    grep -o '"[0-9a-f.:]*[.:][0-9a-f.:]*"' | wc -l | tr -d ' ' || true
}

self_check() {
  begin "self-check" 8
  blame "$namespace" podring
  if [[ $replicas == 0 ]]; then say "check:    no pods were asked for" && return; fi
  local deadline=$((SECONDS + timeout)) size answer
  until find_url && [[ $url ]] || ((SECONDS >= deadline)); do sleep 1; done
  if [[ ! $url ]]; then
    say "check:    the Ingress has no address, so nothing was asked through it; --url URL names one"
    return
  fi
  deadline=$((SECONDS + timeout))
  until size=$(ring_size) && [[ $size == "$replicas" ]]; do
    ((SECONDS < deadline)) || fail "$url/ring shows ${size:-0} of $replicas pods after $timeout s" "curl -v $url/ring" \
      "kubectl --context $context -n $namespace get ingress,endpointslices" "is another service behind $url? then --url URL"
    sleep 1
  done
  say "check:    $url/ring shows all $size pods"
  [[ $changed ]] || return 0
  answer=$(ask --max-time 35 -H 'Content-Type: application/json' \
    -d '{"message": "hello from local-deploy.sh", "laps": 1, "wait": "completed", "wait_ms": 30000}' "$url/messages" 2>&1) || true
  [[ $answer == *'"trace'* ]] || fail "a seeded message did not come round: $answer" "curl -v $url/ring" \
    "kubectl --context $context -n $namespace logs -l app.kubernetes.io/name=podring --prefix --tail 20"
  say "check:    a message went once round the ring"
}
