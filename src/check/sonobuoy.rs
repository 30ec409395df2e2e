//! The check as a plugin of Sonobuoy, which runs plugins on clusters and gathers what they write (`print sonobuoy-plugin`).
//!
//! Sonobuoy makes the pod: our container, beside it one of its own that waits for a file `done` in a folder of both. It
//! then takes what the file names into its results. [`JUNIT`] is where Sonobuoy sees what passed; [`RECORD`] is what
//! `report merge` reads of those results.

use serde_json::{Value, json};

use crate::check::job;
use crate::check::rights::NAME;
use crate::check::target::Target;

/// The JUnit report's name in the folder of results.
pub const JUNIT: &str = "pmp-vault-conformance.xml";

/// The JSON report's name there.
pub const RECORD: &str = "pmp-vault-conformance.json";

/// Sonobuoy sets it in our container, and Kubernetes puts it into the arguments.
const RESULTS: &str = "$(SONOBUOY_RESULTS_DIR)";

/// Where Sonobuoy mounts the plugin's `config-map`; in the same way.
const CONFIG: &str = "$(SONOBUOY_CONFIG_DIR)";

/// The plugin's definition. `arguments` are those of `check`; `api_server` is `HOST:PORT` where the cluster's own address
/// cannot be used. Labels and annotations of the pod are Sonobuoy's, so of the target only the probe's pods get theirs.
#[must_use]
pub fn plugin(target: &Target, arguments: Vec<String>, api_server: Option<(&str, &str)>) -> Value {
    let mut pod = job::pod(target, arguments, api_server);
    pod.args.extend([format!("--sonobuoy={RESULTS}"), "--junit-detail=stage".to_owned()]);
    if target.ca.is_some() {
        pod.args.push(format!("--ca-file={CONFIG}/ca.crt"));
    }
    let (container, spec) = pod.apart();
    let mut plugin = json!({
        "sonobuoy-config": {
            "driver": "Job",
            "plugin-name": NAME,
            "description": "Whether a Mendix app can read its credentials from HashiCorp Vault",
            "result-format": "junit",
            "result-files": [JUNIT],
        },
        "podSpec": spec,
        "spec": container,
    });
    if let Some(ca) = &target.ca {
        plugin["config-map"] = json!({ "ca.crt": ca });
    }
    plugin
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::target::tests::target;

    #[test]
    fn the_plugin_is_the_job_s_container_with_a_place_for_its_results() {
        let mut target = target();
        target.ca = Some("PEM".to_owned());
        target.pod.pull_secrets = vec!["registry".to_owned()];
        insta::assert_json_snapshot!(plugin(&target, vec!["check".to_owned()], Some(("10.0.0.1", "6443"))));
    }

    #[test]
    fn where_no_authorities_are_given_none_are_mounted() {
        let plugin = plugin(&target(), vec!["check".to_owned()], None);
        assert_eq!(plugin.get("config-map"), None);
        assert!(!plugin["spec"]["args"].to_string().contains("ca-file"), "{plugin}");
    }
}
