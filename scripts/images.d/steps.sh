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

kubernetes_step() { # NAME SECONDS FOLDER
  local variable=k8s.io/component-base/version minor=${PMP_KUBERNETES_VERSION#v1.}
  go_step "$1" "$2" "$3" kubernetes "" \
    "-X $variable.gitVersion=$PMP_KUBERNETES_VERSION -X $variable.gitMajor=1 -X $variable.gitMinor=${minor%%.*}" \
    "$1=k8s.io/kubernetes/cmd/$1"
}

all_steps() {
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
  go_step vault 850 bin vault "" "" vault=github.com/hashicorp/vault
  step vault-image 10 "image:$PMP_LOCAL_VAULT_IMAGE" "@vault vault/Dockerfile make-image" vault/make-image "$PMP_LOCAL_VAULT_IMAGE"
}
