# shellcheck shell=bash disable=SC2154  # variables come from local-deploy.sh
# Step 3: the image, built under a tag made from its content, and on every node.

# What the image is made of: the Dockerfile and what .dockerignore lets through.
image_sources() {
  {
    printf '%s\n' Dockerfile .dockerignore
    sed -n 's/^!//p' "$here/.dockerignore" | while IFS= read -r path; do
      if [[ -e $here/$path ]]; then (cd "$here" && find "$path" -type f ! -name '*.pyc'); fi
    done
  } | LC_ALL=C sort
}

sha256() { if have sha256sum; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

# The same content gives the same tag, whatever the commit.
content_tag() {
  image_sources | (cd "$here" && while IFS= read -r file; do sha256 "$file"; done) | sha256 | cut -c1-12
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

is_local() { have docker && docker image inspect "$1" >/dev/null 2>&1; }

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
    docker exec "$node" ctr -n k8s.io images ls -q 2>/dev/null </dev/null | grep -xF "$name" >/dev/null || printf '%s ' "$node"
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
    run_within "$timeout" k3d image import "$1" -c "$cluster" >/dev/null 2>&1 || true
  done
  fail "$1 is still not on these nodes after three imports: ${missing% }" "k3d image import $1 -c $cluster" \
    "docker exec ${missing%% *} df -h /var/lib"
}

import_into_k3s() {
  local nodes
  nodes=$(kube get nodes -o name 2>/dev/null | wc -l | tr -d ' ')
  ((nodes <= 1)) || fail "this k3s has $nodes nodes, and only this machine's can be loaded from here" \
    "push the image to a registry, then: ./local-deploy.sh --target k3s --image REGISTRY/podring:TAG"
  if [[ $dry_run ]]; then
    say "+ docker save $1 | k3s ctr -n k8s.io images import -"
    return
  fi
  if as_root k3s ctr -n k8s.io images ls -q | grep -xF "$(full_name "$1")" >/dev/null; then return 0; fi
  say "image:    importing $1 into k3s"
  docker save "$1" | as_root k3s ctr -n k8s.io images import - >/dev/null ||
    fail "k3s did not take $1" "docker save $1 | sudo k3s ctr -n k8s.io images import -"
}

# import_image IMAGE: from the local Docker onto every node, where that is this script's work.
import_image() {
  case $target in
    k3d) import_into_k3d "$1" ;;
    k3s) import_into_k3s "$1" ;;
    context)
      [[ $load ]] || return 0
      # shellcheck disable=SC2086  # a command with its arguments
      run $load "$1" || fail "'$load $1' failed" "$load $1"
      ;;
  esac
}

# An image that is not in the local Docker is one of a registry: the cluster gets it by itself.
deliver_image() {
  begin "image" 5
  local current
  if [[ ! $dry_run ]] && ! is_local "$image"; then return 0; fi
  current=$(kube -n "$namespace" get deployment podring -o 'jsonpath={.spec.template.spec.containers[0].image}' 2>/dev/null || true)
  # There is no asking which nodes have it: taken to be there when it is deployed already.
  if [[ $target == context && $current == "$image" ]]; then return 0; fi
  import_image "$image"
}
