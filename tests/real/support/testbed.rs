//! The one testbed that all tests on real servers use, and runs against it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Why a test does not run without `scripts/test --kind`.
pub const HOW: &str = "needs a Vault and a kind cluster: scripts/test --kind starts them";

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; {HOW}"))
}

/// The report of the whole matrix, which the test script ran on the testbed.
pub fn matrix() -> Value {
    read(Path::new(&variable("PMP_TEST_REPORT")))
}

/// A JSON file.
pub fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The run that left the testbed up.
pub fn owner() -> String {
    variable("PMP_TEST_TESTBED")
}

/// The state folder.
pub fn state() -> PathBuf {
    PathBuf::from(variable("PMP_STATE_DIR"))
}

/// The folder of a run.
pub fn folder(run: &str) -> PathBuf {
    state().join("runs").join(run)
}

/// What is known of the testbed: addresses and the root token.
pub fn record() -> Value {
    read(&folder(&owner()).join("testbed.json"))
}

/// What the testbed is made of: its network, Vault's container and image.
pub fn made_of() -> Value {
    record()["machine"]["kind"].clone()
}

/// The program.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pmp-vault-conformance"))
}

/// A run on the testbed, with its reports in a folder.
pub struct Reports {
    folder: tempfile::TempDir,
}

impl Reports {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn json(&self) -> Value {
        read(&self.path("report.json"))
    }

    /// Everything that the run wrote.
    pub fn files(&self) -> Vec<String> {
        ["report.json", "junit.xml"].map(|name| std::fs::read_to_string(self.path(name)).unwrap()).to_vec()
    }

    /// `run --reuse` with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.args(["run", "--reuse", &owner()]).args(arguments);
        command.arg("--json").arg(self.path("report.json")).arg("--junit").arg(self.path("junit.xml"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

/// The scenario with that id in a report.
pub fn scenario<'a>(report: &'a Value, id: &str) -> &'a Value {
    let scenarios = report["scenarios"].as_array().unwrap();
    scenarios.iter().find(|scenario| scenario["id"] == id).unwrap_or_else(|| panic!("{id} is not in the report"))
}

/// What `kubectl` prints on the testbed's cluster.
pub fn kubectl(arguments: &[&str]) -> String {
    let output = Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(folder(&owner()).join("kubeconfig"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Waits for the run's own line and gives its id, and the rest of its output later.
pub fn run_id(child: &mut Child) -> String {
    use std::io::{BufRead as _, BufReader};
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line.split_whitespace().nth(1).unwrap().trim_end_matches(':').to_owned()
}

/// Waits until something holds.
pub fn eventually(what: &str, limit: Duration, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The mounts, auth mounts and policies of the testbed's Vault, and the
/// namespaces, bindings and Service Accounts of its cluster, that name a run.
pub fn left_of(run: &str) -> Vec<String> {
    let mut left = Vec::new();
    // A namespace that is on its way out is the API server's.
    let namespaces = kubectl(&[
        "get",
        "namespaces",
        "-o",
        "jsonpath={range .items[?(@.status.phase==\"Active\")]}{.metadata.name}{\"\\n\"}{end}",
    ]);
    left.extend(namespaces.lines().filter(|name| name.starts_with(run)).map(|name| format!("namespace {name}")));
    let others = kubectl(&["get", "clusterroles,clusterrolebindings,serviceaccounts", "-n", "default", "-o", "name"]);
    left.extend(others.lines().filter(|name| name.contains(run)).map(str::to_owned));
    let record = record();
    for path in ["sys/mounts", "sys/auth", "sys/policies/acl?list=true"] {
        let text = vault(&record, path);
        if text.contains(run) {
            left.push(format!("{path} of Vault: {text}"));
        }
    }
    if folder(run).exists() {
        left.push("its folder".to_owned());
    }
    left
}

fn vault(record: &Value, path: &str) -> String {
    let url = format!("{}/v1/{path}", record["vault-address"].as_str().unwrap());
    let token = record["root-token"].as_str().unwrap();
    let client = pmp_vault_conformance::vault::client::http_client(
        &pmp_vault_conformance::vault::client::Roots::Public,
        Duration::from_secs(10),
        pmp_vault_conformance::vault::client::Proxy::Never,
    )
    .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async { client.get(url).header("X-Vault-Token", token).send().await.unwrap().text().await.unwrap() })
}
