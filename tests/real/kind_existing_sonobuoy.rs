//! The printed plugin, run by Sonobuoy itself on the testbed's cluster: what Sonobuoy says of it, and what is read of its
//! results.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::customer::{Customer, VALUE};
use crate::support::servers::{image, kubeconfig};
use crate::support::testbed::{kubectl, made_of, program, record};

/// Where `scripts/fleet` puts Sonobuoy.
fn tool(name: &str) -> PathBuf {
    let folder = std::env::var("PMP_CACHE").expect("PMP_CACHE is not set: . scripts/env.sh");
    let file = Path::new(&folder).join("fleet-tools").join(name);
    assert!(file.exists(), "{} is not there; scripts/fleet builds it", file.display());
    file
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// Sonobuoy in a namespace of its own, with no right outside it.
struct Sonobuoy {
    namespace: String,
    label: String,
    folder: tempfile::TempDir,
}

impl Sonobuoy {
    /// With the plugin's Service Account, which may do nothing.
    fn new(customer: &Customer, label: &str) -> Self {
        let namespace = format!("{}-{label}", customer.name);
        kubectl(&["create", "namespace", &namespace]);
        kubectl(&["create", "serviceaccount", "pmp-vault-conformance", "-n", &namespace]);
        Self { namespace, label: label.to_owned(), folder: tempfile::tempdir().unwrap() }
    }

    /// The same, with exactly the rights of `print rbac`.
    fn allowed(self, customer: &Customer) -> Self {
        let subject = format!("--bind-to=serviceaccount:{}/pmp-vault-conformance", self.namespace);
        let other = format!("--other-namespace={}", customer.other);
        let rights = self.file("rights.yaml", &customer.printed("rbac", &[&other, &subject]));
        kubectl(&["apply", "-f", rights.to_str().unwrap()]);
        self
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tool("sonobuoy"));
        // It keeps a folder for plugins where its user is at home.
        command.args(arguments).env("HOME", self.folder.path()).stdin(Stdio::null());
        command
    }

    /// One that asks the cluster.
    fn asking(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.arg(format!("--kubeconfig={}", kubeconfig().display())).args(["--namespace", &self.namespace]);
        command.output().unwrap()
    }

    /// Runs the plugin to its end, and gives the file with its results.
    fn run(&self, plugin: &str) -> PathBuf {
        let plugin = self.file("plugin.yaml", plugin);
        let address = record()["api-server"]["address"].as_str().unwrap().trim_start_matches("https://").to_owned();
        // The testbed has neither names nor Services, so Sonobuoy is told the API server's address, too.
        let (host, port) = address.rsplit_once(':').unwrap();
        let image = std::fs::read_to_string(tool("image")).unwrap();
        let output = self.asking(&[
            "run",
            "--plugin",
            plugin.to_str().unwrap(),
            "--aggregator-permissions=namespaceAdmin",
            "--skip-preflight=existingnamespace,dnscheck",
            &format!("--sonobuoy-image={}", image.trim()),
            "--image-pull-policy=IfNotPresent",
            &format!("--plugin-env=sonobuoy.KUBERNETES_SERVICE_HOST={host}"),
            &format!("--plugin-env=sonobuoy.KUBERNETES_SERVICE_PORT={port}"),
            "--timeout=240",
            "--wait=5",
        ]);
        assert!(output.status.success(), "{}", said(&output));
        let output = self.asking(&["retrieve", self.folder.path().to_str().unwrap(), "--filename=results.tar.gz"]);
        assert!(output.status.success(), "{}", said(&output));
        self.folder.path().join("results.tar.gz")
    }

    /// What Sonobuoy says of results.
    fn results(&self, file: &Path, mode: &str) -> String {
        let output = self.command(&["results", file.to_str().unwrap(), "--mode", mode]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Sonobuoy {
    fn drop(&mut self) {
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(kubeconfig());
        command.args(["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"]);
        let _ = command.output();
    }
}

/// The number that Sonobuoy gives for that.
fn count(results: &str, of: &str) -> usize {
    let line = results.lines().find_map(|line| line.strip_prefix(of)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {of}: {results}")).trim().parse().unwrap()
}

/// The matrix that `report merge` makes of these files.
fn merged(folder: &Path, files: &[String]) -> Value {
    let matrix = folder.join("matrix.json");
    let output = program().args(["report", "merge"]).args(files).arg("--json").arg(&matrix).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_str(&std::fs::read_to_string(matrix).unwrap()).unwrap()
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn sonobuoy_runs_the_printed_plugin_to_its_verdict_and_its_results_are_merged() {
    // The cluster is called as its network.
    let output = Command::new("kind")
        .args(["load", "image-archive", "--name", made_of()["network"].as_str().unwrap()])
        .arg(tool("image.tar"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let customer = Customer::with_app("sonobuoy");
    let address = record()["api-server"]["address"].as_str().unwrap().trim_start_matches("https://").to_owned();
    let folder = tempfile::tempdir().unwrap();
    // Authorities for no listener with TLS: that they get there is what counts.
    let authorities = folder.path().join("ca.crt");
    std::fs::write(&authorities, record()["api-server"]["ca"].as_str().unwrap()).unwrap();
    let flags = [
        format!("--ca-file={}", authorities.display()),
        format!("--other-namespace={}", customer.other),
        format!("--probe-image={}", image()),
        format!("--api-server={address}"),
    ];
    let plugin = customer.printed("sonobuoy-plugin", &flags.each_ref().map(String::as_str));
    // What Sonobuoy gathers of a plugin, what it says of it, and that with the text of each failure.
    let gathered = |sonobuoy: Sonobuoy, plugin: &str| {
        let name = &sonobuoy.label;
        let file = folder.path().join(format!("{name}.tar.gz"));
        std::fs::copy(sonobuoy.run(plugin), &file).unwrap();
        let output = Command::new("tar").arg("-xzOf").arg(&file).output().unwrap();
        assert!(output.status.success() && !String::from_utf8_lossy(&output.stdout).contains(VALUE), "a secret");
        let results = sonobuoy.results(&file, "report");
        println!("{name}\n{results}");
        (format!("{name}={}", file.display()), results, sonobuoy.results(&file, "detailed"))
    };

    // Of a check that cannot begin `done` tells, too, so that Sonobuoy does not wait for its own time limit.
    let last = "--junit-detail=stage\n";
    assert!(plugin.contains(last), "{plugin}");
    let wrong = plugin.replace(last, &format!("{last}  - --bogus\n"));
    let ((right, results, _), (refused, of_refused, detailed)) = std::thread::scope(|scope| {
        let refused = scope.spawn(|| gathered(Sonobuoy::new(&customer, "refused"), &wrong));
        (gathered(Sonobuoy::new(&customer, "right").allowed(&customer), &plugin), refused.join().unwrap())
    });
    assert!(of_refused.contains("Status: failed\n") && of_refused.contains("run: complete"), "{of_refused}");
    assert!(detailed.contains("ended without a report"), "{detailed}");
    assert!(results.contains("Plugin: pmp-vault-conformance\nStatus: passed\n"), "{results}");
    assert_eq!((count(&results, "Failed"), count(&results, "Passed") > 20), (0, true), "{results}");

    customer.write_role(json!({ "bound_service_account_namespaces": "another" }));
    let (broken, results, detailed) = gathered(Sonobuoy::new(&customer, "broken").allowed(&customer), &plugin);
    assert!(results.contains("Plugin: pmp-vault-conformance\nStatus: failed\n"), "{results}");
    assert!(results.contains("existing.app: stage login"), "{results}");
    assert!(detailed.contains("login.namespace-not-authorized"), "{detailed}");

    assert_eq!(customer.labelled(), Vec::<String>::new());

    let matrix = merged(folder.path(), &[right, broken, refused]);
    let cells = |column: usize| {
        let rows = matrix["rows"].as_array().unwrap().iter();
        rows.map(move |row| (row["id"].as_str().unwrap().to_owned(), row["cells"][column].clone()))
    };
    assert!(cells(0).all(|(_, cell)| cell["verdict"] == "conformant"), "{matrix}");
    assert_eq!(cells(0).count(), 5, "{matrix}");
    let (_, app) = cells(1).find(|(id, _)| id == "existing.app").unwrap();
    assert_eq!(app["cause"], "login.namespace-not-authorized", "{matrix}");
    assert!(cells(2).all(|(_, cell)| cell.is_null()), "{matrix}");
    assert_eq!(matrix["columns"][2]["verdict"], "inconclusive", "{matrix}");
}
