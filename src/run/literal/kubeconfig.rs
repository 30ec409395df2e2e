//! The kubeconfigs that readers of a block have.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::desk::other;
use crate::configure::Error;
use crate::scenario::configuration::Kubeconfig;

/// A kubeconfig, as it is written, and the name that its cluster has there.
pub struct Written {
    /// JSON, which is YAML too.
    pub text: String,
    /// The cluster's name.
    pub cluster: String,
}

fn none(reason: impl ToString) -> Error {
    Error::Other { what: "read the cluster's kubeconfig", reason: reason.to_string() }
}

/// The name of the first cluster of one.
///
/// # Errors
/// It names none.
pub fn cluster(text: &str) -> Result<String, Error> {
    let config: Value = serde_saphyr::from_str(text).map_err(none)?;
    config["clusters"][0]["name"].as_str().map(str::to_owned).ok_or_else(|| none("it names no cluster"))
}

/// An administrator's, used as another user.
///
/// # Errors
/// It is no kubeconfig.
pub fn of_user(whole: &str, user: &str) -> Result<String, Error> {
    let mut config: Value = serde_saphyr::from_str(whole).map_err(none)?;
    // The same certificate, with the rights of that user.
    config["users"][0]["user"]["as"] = json!(user);
    Ok(config.to_string())
}

/// Makes one of its kind out of an administrator's. The certificate authority's file is beside it in `home`;
/// `user` is who an ordinary user is.
///
/// # Errors
/// It is no kubeconfig with one cluster, or the file cannot be written.
pub fn write(kind: Kubeconfig, whole: &str, home: &Path, user: &str) -> Result<Written, Error> {
    let cluster = cluster(whole)?;
    let mut config: Value = serde_saphyr::from_str(whole).map_err(none)?;
    let authority = &mut config["clusters"][0]["cluster"];
    match kind {
        Kubeconfig::Whole => {}
        Kubeconfig::CertificateFile => {
            let data = authority["certificate-authority-data"].take();
            let pem = STANDARD.decode(data.as_str().unwrap_or_default()).map_err(none)?;
            let file = home.join("ca.crt");
            std::fs::write(&file, pem).map_err(other("write the cluster's certificate authority"))?;
            *authority = json!({ "server": authority["server"], "certificate-authority": file });
        }
        Kubeconfig::SeveralContexts => {
            let elsewhere = json!({ "name": "elsewhere", "cluster": {
                "server": "https://192.0.2.1:6443", "certificate-authority-data": STANDARD.encode("of another cluster"),
            } });
            let context = json!({ "name": "elsewhere", "context": { "cluster": "elsewhere", "user": "elsewhere" } });
            let user = json!({ "name": "elsewhere", "user": { "token": "of-another-cluster" } });
            for (list, entry) in [("clusters", elsewhere), ("contexts", context), ("users", user)] {
                if let Some(list) = config[list].as_array_mut() {
                    list.insert(0, entry);
                }
            }
        }
        Kubeconfig::NoContext => config["current-context"] = json!(""),
        Kubeconfig::OrdinaryUser => return Ok(Written { text: of_user(whole, user)?, cluster }),
    }
    Ok(Written { text: config.to_string(), cluster })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "apiVersion: v1
kind: Config
clusters: [{name: kind-x, cluster: {server: 'https://10.0.0.1:6443', certificate-authority-data: UEVN}}]
contexts: [{name: kind-x, context: {cluster: kind-x, user: kind-x}}]
users: [{name: kind-x, user: {client-key-data: S0VZ}}]
current-context: kind-x
";

    fn made(kind: Kubeconfig, home: &Path) -> Value {
        let written = write(kind, WHOLE, home, "reader").unwrap();
        assert_eq!(written.cluster, "kind-x");
        serde_json::from_str(&written.text).unwrap()
    }

    #[test]
    fn each_kind_differs_from_the_whole_one_in_what_it_is_named_after() {
        let home = tempfile::tempdir().unwrap();
        let whole = made(Kubeconfig::Whole, home.path());
        let file = made(Kubeconfig::CertificateFile, home.path());
        assert!(file["clusters"][0]["cluster"].get("certificate-authority-data").is_none());
        let named = file["clusters"][0]["cluster"]["certificate-authority"].as_str().unwrap();
        assert_eq!(std::fs::read_to_string(named).unwrap(), "PEM");
        let several = made(Kubeconfig::SeveralContexts, home.path());
        assert_eq!(several["current-context"], whole["current-context"]);
        assert_eq!(several["clusters"][1], whole["clusters"][0]);
        assert_eq!(made(Kubeconfig::NoContext, home.path())["current-context"], "");
        assert_eq!(made(Kubeconfig::OrdinaryUser, home.path())["users"][0]["user"]["as"], "reader");
    }
}
