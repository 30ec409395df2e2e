use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::probe::input::TOKEN_FILE;

const USUAL: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A pod as Kubernetes has it after the admission, with these volumes and these mounts in the app's container.
fn pod(volumes: Value, mounts: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {
            "name": "mxplatform-master-5d8-x2",
            "labels": { "app": "mxplatform", "component": "mendix-app", "pod-template-hash": "5d8" },
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "mxplatform-master-5d8", "uid": "u" }],
        },
        "spec": {
            "serviceAccountName": "pmp-secret-accessor",
            "containers": [{ "name": "sidecar" }, { "name": "mendix", "volumeMounts": mounts }],
            "volumes": volumes,
        },
    }))
    .unwrap()
}

fn kube_api_access() -> (Value, Value) {
    let token = json!({ "serviceAccountToken": { "path": "token", "expirationSeconds": 3607 } });
    let volume = json!({ "name": "kube-api-access-abcde", "projected": { "sources": [token] } });
    (volume, json!({ "name": "kube-api-access-abcde", "mountPath": USUAL, "readOnly": true }))
}

fn own(audience: &str, path: &str) -> (Value, Value) {
    let token = json!({ "serviceAccountToken": { "path": "token", "audience": audience, "expirationSeconds": 600 } });
    let others = json!({ "secret": { "name": "of-the-app" } });
    let volume = json!({ "name": "own", "projected": { "sources": [token, others] } });
    (volume, json!({ "name": "own", "mountPath": path }))
}

fn all(pod: &Pod) -> Vec<Likeness> {
    Likeness::of(pod, &BTreeSet::new(), None)
}

fn files(all: &[Likeness]) -> Vec<&str> {
    all.iter().map(|like| like.token_file.as_str()).collect()
}

#[test]
fn what_kubernetes_mounts_is_asked_of_kubernetes_again() {
    let (volume, mount) = kube_api_access();
    let [like] = &all(&pod(json!([volume]), json!([mount])))[..] else { panic!("one token") };
    assert_eq!((&like.token, like.automount()), (&Token::Mounted { seconds: 3607 }, Some(true)));
    assert_eq!((like.inherited.volumes.len(), &*like.token_file), (0, TOKEN_FILE));
    assert_eq!(all(&pod(json!([]), json!([])))[0].automount(), Some(false));
}

#[rstest]
#[case::at_the_usual_path(USUAL, TOKEN_FILE)]
#[case::as_linux_calls_it_today(
    "/run/secrets/kubernetes.io/serviceaccount",
    "/run/secrets/kubernetes.io/serviceaccount/token"
)]
#[case::at_another_path("/var/run/secrets/vault", "/var/run/secrets/vault/token")]
fn a_token_of_its_own_is_taken_over_with_its_audience_and_nothing_else_of_its_volume(
    #[case] path: &str,
    #[case] file: &str,
) {
    let (volume, mount) = own("vault", path);
    let [like] = &all(&pod(json!([volume]), json!([mount])))[..] else { panic!("one token") };
    let token = Token::Own { audience: Some("vault".to_owned()), seconds: 600, sub_path: false };
    assert_eq!((&like.token, like.automount(), &*like.token_file), (&token, Some(false), file));
    let sources = like.inherited.volumes[0].projected.as_ref().unwrap().sources.as_ref().unwrap();
    assert_eq!(sources.len(), 1, "a Secret of the app's is none of the check's business");
}

#[test]
fn of_two_tokens_the_usual_one_goes_before_and_those_of_clouds_are_not_the_apps() {
    let (usual, at_usual) = kube_api_access();
    let (volume, mount) = own("vault", "/vault");
    assert_eq!(files(&all(&pod(json!([volume, usual]), json!([mount, at_usual])))), [TOKEN_FILE, "/vault/token"]);
    let (volume, mount) = own("sts.amazonaws.com", "/var/run/secrets/eks.amazonaws.com/serviceaccount");
    assert_eq!(files(&all(&pod(json!([volume, usual]), json!([mount, at_usual])))), [TOKEN_FILE]);
    let pod = pod(json!([volume]), json!([mount]));
    let file = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
    let named = Likeness::of(&pod, &BTreeSet::new(), Some(file));
    assert!(matches!(named[0].token, Token::Own { .. }), "what is named is taken");
}

#[test]
fn of_a_secret_only_the_tokens_key_is_taken_over() {
    let volume = json!({ "name": "old", "secret": { "secretName": "app-token" } });
    let [like] = &all(&pod(json!([volume]), json!([{ "name": "old", "mountPath": USUAL }])))[..] else { panic!("one") };
    assert_eq!(like.token, Token::OfSecret);
    let secret = like.inherited.volumes[0].secret.as_ref().unwrap();
    let items: Vec<&str> = secret.items.iter().flatten().map(|item| item.key.as_str()).collect();
    assert_eq!((items, secret.optional), (vec!["token"], Some(true)));
    let (beside, automount, file) = like.for_another_account();
    assert_eq!((beside.volumes.len(), beside.mounts.len(), automount, file), (0, 0, Some(true), Some(TOKEN_FILE)));
}

#[test]
fn a_token_of_a_secret_is_none_of_another_accounts() {
    let secret = json!({ "name": "token", "secret": { "secretName": "reviewer-token" } });
    let pod = pod(json!([secret]), json!([{ "name": "token", "mountPath": "/vault" }]));
    let like = || Likeness::of(&pod, &BTreeSet::new(), Some("/vault/token")).remove(0);
    assert_eq!(like().token, Token::OfSecret);
    assert_eq!(like().as_account("pmp-secret-accessor"), like());
    for account in ["default", "another"] {
        let other = like().as_account(account);
        assert_eq!((&*other.service_account, &other.token, &*other.token_file), (account, &Token::NotTold, TOKEN_FILE));
        assert!(other.inherited.volumes.is_empty() && other.inherited.mounts.is_empty(), "{:?}", other.inherited);
        assert!(other.taken.iter().all(|taken| !taken.contains("Secret")), "{:?}", other.taken);
    }
    let like = like();
    let (inherited, automount, file) = like.for_another_account();
    assert_eq!((inherited.volumes.len(), automount, file), (0, Some(true), Some(TOKEN_FILE)));
}

#[rstest]
#[case("/run/secrets/kubernetes.io/serviceaccount", TOKEN_FILE)]
#[case(USUAL, "/run/secrets/kubernetes.io/serviceaccount/token")]
fn a_file_is_named_by_either_of_its_paths(#[case] mounted: &str, #[case] named: &str) {
    let (volume, mount) = own("vault", mounted);
    let found = Likeness::of(&pod(json!([volume]), json!([mount])), &BTreeSet::new(), Some(named));
    assert_eq!(files(&found), [format!("{mounted}/token")]);
    assert!(matches!(found[0].token, Token::Own { .. }));
}

#[test]
fn what_another_volume_brings_is_not_known() {
    let volume = json!({ "name": "spiffe", "csi": { "driver": "csi.spiffe.io" } });
    let like = &all(&pod(json!([volume]), json!([{ "name": "spiffe", "mountPath": USUAL }])))[0];
    assert_eq!((&like.token, like.automount()), (&Token::Foreign("csi spiffe".to_owned()), Some(false)));
}

#[test]
fn a_token_by_sub_path_is_found_at_its_file() {
    let (volume, _) = own("vault", "");
    let mount = json!({ "name": "own", "mountPath": "/app/vault.jwt", "subPath": "token" });
    let like = &all(&pod(json!([volume]), json!([mount])))[0];
    assert!(matches!(like.token, Token::Own { sub_path: true, .. }), "{:?}", like.token);
    assert_eq!(like.token_file, "/app/vault.jwt");
}

#[test]
fn labels_are_taken_over_without_those_by_which_a_controller_knows_its_pods() {
    let like = &all(&pod(json!([]), json!([])))[0];
    let labels: Vec<&str> = like.inherited.labels.keys().map(String::as_str).collect();
    assert_eq!(labels, ["app", "component"]);
    // A StatefulSet's pods have its name, too; a DaemonSet takes whatever has its labels.
    for (kind, taken) in [("StatefulSet", true), ("DaemonSet", false), ("Job", false)] {
        let mut of_another = pod(json!([]), json!([]));
        of_another.metadata.owner_references.as_mut().unwrap()[0].kind = kind.to_owned();
        let like = &all(&of_another)[0];
        assert_eq!(
            like.inherited.labels.keys().map(String::as_str).collect::<Vec<_>>(),
            if taken { labels.clone() } else { Vec::new() }
        );
        assert_eq!(like.apart.iter().any(|text| text.contains("labels")), !taken, "{kind}: {:?}", like.apart);
    }
    let mut of_a_rollout = pod(json!([]), json!([]));
    let own = of_a_rollout.metadata.labels.as_mut().unwrap();
    let hash = own.remove("pod-template-hash").unwrap();
    own.insert("rollouts-pod-template-hash".to_owned(), hash);
    assert_eq!(all(&of_a_rollout)[0].inherited.labels, like.inherited.labels);
}

#[test]
fn a_pod_that_waits_for_a_node_says_nothing_of_where_the_probe_is_to_be() {
    let mut waiting = full();
    waiting.status = serde_json::from_value(json!({ "phase": "Pending" })).unwrap();
    let like = &all(&waiting)[0];
    assert!(
        like.inherited.node_selector.is_empty() && like.left.iter().any(|text| text.contains("no node")),
        "{:?}",
        like.left
    );
    waiting.spec.as_mut().unwrap().node_name = Some("node-1".to_owned());
    assert!(!all(&waiting)[0].inherited.node_selector.is_empty());
}

/// A pod with one of everything.
fn full() -> Pod {
    let mut pod = pod(
        json!([
            { "name": "ca", "configMap": { "name": "ours" } },
            { "name": "pair", "secret": { "secretName": "pair" } },
            { "name": "config", "configMap": { "name": "of-the-app" } },
        ]),
        json!([
            { "name": "ca", "mountPath": "/etc/ssl/certs/ours.crt", "subPath": "ours.crt" },
            { "name": "pair", "mountPath": "/etc/pki/ours" },
            { "name": "config", "mountPath": "/etc/app" },
        ]),
    );
    pod.metadata.annotations = serde_json::from_value(json!({
        "sidecar.istio.io/inject": "true", "sidecar.istio.io/status": "{}", "kubectl.kubernetes.io/restartedAt": "now",
    }))
    .unwrap();
    let spec = pod.spec.as_mut().unwrap();
    spec.node_selector = serde_json::from_value(json!({ "pool": "apps" })).unwrap();
    spec.tolerations = serde_json::from_value(json!([
        { "key": "dedicated", "operator": "Exists" },
        { "key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300 },
    ]))
    .unwrap();
    spec.affinity = serde_json::from_value(json!({ "nodeAffinity": {}, "podAntiAffinity": {} })).unwrap();
    spec.host_aliases = serde_json::from_value(json!([{ "ip": "10.0.0.7", "hostnames": ["vault.example"] }])).unwrap();
    spec.dns_policy = Some("None".to_owned());
    spec.dns_config = serde_json::from_value(json!({ "nameservers": ["10.0.0.53"] })).unwrap();
    spec.scheduler_name = Some("default-scheduler".to_owned());
    let proxy = json!([
        { "name": "https_proxy", "value": "http://user:canary@proxy.example:3128" },
        { "name": "NO_PROXY", "valueFrom": { "configMapKeyRef": { "name": "proxy", "key": "no" } } },
        { "name": "DATABASE_PASSWORD", "value": "canary" },
    ]);
    spec.containers[1].env = serde_json::from_value(proxy).unwrap();
    pod
}

#[test]
fn what_stands_around_the_app_is_taken_over_and_what_is_its_own_business_is_not() {
    let like = &all(&full())[0];
    insta::assert_json_snapshot!((
        json!({
            "labels": like.inherited.labels, "annotations": like.inherited.annotations, "env": like.inherited.env,
            "volumes": like.inherited.volumes, "mounts": like.inherited.mounts,
            "node-selector": like.inherited.node_selector, "tolerations": like.inherited.tolerations,
            "affinity": like.inherited.affinity, "scheduler": like.inherited.scheduler,
            "host-aliases": like.inherited.host_aliases, "dns-policy": like.inherited.dns_policy,
            "dns-config": like.inherited.dns_config,
        }),
        &like.authorities,
        &like.taken,
        &like.apart,
        &like.left,
    ));
    let said = format!("{:?}{:?}{:?}", like.taken, like.apart, like.left);
    assert!(!said.contains("canary"), "{said}");
}

#[rstest]
fn each_part_can_be_left_out(#[values(0, 1, 2, 3, 4, 5, 6)] number: usize) {
    let part = Part::ALL[number];
    let mut app = full();
    let (volume, mount) = own("vault", "/vault");
    let spec = app.spec.as_mut().unwrap();
    spec.volumes.as_mut().unwrap().push(serde_json::from_value(volume).unwrap());
    spec.containers[1].volume_mounts.as_mut().unwrap().push(serde_json::from_value(mount).unwrap());
    let with = &all(&app)[0];
    let without = &Likeness::of(&app, &BTreeSet::from([part]), None)[0];
    assert!(!with.stands_for(without), "{} changes something", part.as_str());
    assert!(without.taken.len() < with.taken.len(), "{:?}", without.taken);
    assert!(without.left.iter().any(|text| text.starts_with(part.as_str())), "{:?}", without.left);
    let bare = &Likeness::of(&app, &BTreeSet::from(Part::ALL), None)[0];
    assert_eq!((&bare.inherited, &bare.taken, bare.automount()), (&Inherited::default(), &Vec::new(), None));
}
