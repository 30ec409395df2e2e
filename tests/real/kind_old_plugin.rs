//! Older servers: the Kubernetes auth method as it was, a plugin of its own in a Vault of its own, under the method's name
//! and under another. What a check says is what the corpus says of today's, unless it says something else of old ones.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::field::{Depths, Says, Situation};
use crate::support::own_vault::OwnVault;
use crate::support::situations::{Field, Place};

/// Those that `scripts/old-plugins` builds: of Vault 1.10, and the last before Vault's words of today.
const VERSIONS: [&str; 2] = ["v0.12.0", "v0.14.1"];
/// What an administrator may have registered it as: in the place of the one within Vault, or beside it.
const BUILTIN: &str = "kubernetes";
const BESIDE: &str = "kubernetes-of-old";

/// What the versions say differently, or not at all.
const SITUATIONS: [&str; 11] = [
    "the app runs as the page says",
    "role missing",
    "role bound to another account",
    "role bound to another namespace",
    "role with an audience",
    "role bound to other addresses",
    "issuer of another cluster, validated",
    "reviewer without right",
    "reviewer deleted",
    "reviewer's token is garbage",
    "certificate authority of another cluster",
];

/// Whose checks read the method's name, in Vault's answers and in its log.
const OF_ANOTHER_NAME: [&str; 3] =
    ["the app runs as the page says", "role bound to another account", "reviewer without right"];

/// What v0.12.0 alone takes, or tells the client.
fn of_the_oldest(field: &Field) -> [Situation; 2] {
    let says = |cause: &str| {
        let nothing = Says { way: vec![cause.to_owned()], ..Says::default() };
        Depths { nothing, token: None, log: None }
    };
    let without_authority = "{ name: no certificate authority, seen-at: a Vault outside the cluster, \
        make: [config: { kubernetes_ca_cert: null }], says: { nothing: {} } }";
    let without_authority = serde_saphyr::from_str::<Situation>(without_authority).unwrap();
    let foreign_key = field.corpus.named("keys of another cluster").clone();
    [
        Situation { says: says("login.api-server-authority-missing"), ..without_authority },
        Situation { says: says("login.malformed-token"), ..foreign_key },
    ]
}

/// A Vault that has the plugin under all those names.
fn vault_with(version: &str) -> OwnVault {
    let folder = std::env::var("PMP_CACHE").expect("PMP_CACHE is not set: . scripts/env.sh");
    let file = format!("{folder}/old-plugins/vault-plugin-auth-kubernetes-{version}");
    let plugin = std::fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}; scripts/old-plugins builds it"));
    let configuration = json!({
        "storage": { "inmem": {} },
        "listener": { "tcp": { "address": "0.0.0.0:8200", "tls_disable": true } },
        // There a plugin asks for its certificate.
        "api_addr": "http://127.0.0.1:8200",
        "plugin_directory": "/plugins", "disable_mlock": true,
    });
    let name = format!("plugin-{version}");
    let mut vault = OwnVault::create(&name, &[], &["-config", "/plugins.json"]);
    let configuration = configuration.to_string();
    vault.put(&[("plugins.json", configuration.as_bytes(), 0o644), ("plugins/kubernetes", &plugin, 0o755)]);
    vault.start();
    vault.initialise();
    let sha256: String = Sha256::digest(&plugin).iter().map(|byte| format!("{byte:02x}")).collect();
    for name in [BUILTIN, BESIDE] {
        let path = format!("sys/plugins/catalog/auth/{name}");
        vault.must("PUT", &path, json!({ "sha256": sha256, "command": "kubernetes" }));
    }
    vault
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn old_plugins_are_told_as_todays_whatever_they_are_registered_as() {
    let field = Field::new();
    let vaults = VERSIONS.map(vault_with);
    let logs = vaults.each_ref().map(|vault| move |_: &str| vault.log());
    let mut places = Vec::new();
    for ((version, vault), log) in VERSIONS.iter().zip(&vaults).zip(&logs) {
        let place = |name: &str| Place { name: format!("{version} as {name}: "), admin: vault.admin(name), log };
        places.push((place(BUILTIN), &SITUATIONS[..]));
        places.push((place(BESIDE), &OF_ANOTHER_NAME[..]));
    }
    let of_the_oldest = of_the_oldest(&field);
    let mut wanted: Vec<_> = of_the_oldest.iter().map(|situation| (situation, &places[0].0)).collect();
    let named = |name: &'static str| {
        let situation = field.corpus.named(name);
        (name, situation.on_an_old_plugin().unwrap_or_else(|| situation.clone()))
    };
    let run_here = |situation: &Situation| SITUATIONS.contains(&&*situation.name);
    assert!(field.corpus.situations().all(|situation| situation.of_old_plugins.is_none() || run_here(situation)));
    let corpus: BTreeMap<&str, Situation> = SITUATIONS.into_iter().map(named).collect();
    for (place, names) in &places {
        wanted.extend(names.iter().map(|name| (&corpus[name], place)));
    }
    let found = field.differences(&wanted);
    assert!(found.is_empty(), "{}", found.join("\n"));
    // It was the old one that spoke.
    let older = vaults.map(|vault| vault.log().contains("login unauthorized due to:"));
    assert_eq!(older, [true, false]);
}
