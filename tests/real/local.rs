//! The testbed of processes: it says what kind says, needs neither root nor an engine, and leaves nothing behind.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use pmp_vault_conformance::scenario::load::Catalogue;
use serde::Deserialize;
use serde_json::Value;

use crate::support::servers::filling_the_machine;
use crate::support::testbed::{eventually, matrix, read, run_id, scenario};

/// A place of its own for runs on testbeds of processes.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("a place ").tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, with a state folder of its own and no container engine.
    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pmp-vault-conformance"));
        command.args(arguments).env("PMP_STATE_DIR", self.path("state")).env("DOCKER_HOST", "tcp://127.0.0.1:1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(&["run", "--testbed", "local"]);
        command.args(arguments).arg("--json").arg(self.path("report.json"));
        command
    }

    fn report(&self) -> Value {
        read(&self.path("report.json"))
    }

    /// The runs that left something there.
    fn runs(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("state/runs")).map(|entries| entries.flatten().collect());
        let entries: Vec<std::fs::DirEntry> = entries.unwrap_or_default();
        entries.into_iter().map(|entry| entry.file_name().into_string().unwrap()).collect()
    }
}

/// How many processes carry the label of a run.
fn processes_of(run: &str) -> usize {
    let label = format!("PMP_VAULT_CONFORMANCE_PART=pvc-{run}-");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let environments = processes.filter_map(|process| std::fs::read(process.path().join("environ")).ok());
    environments.filter(|text| text.split(|byte| *byte == 0).any(|it| it.starts_with(label.as_bytes()))).count()
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// A difference between the two kinds of testbed that is as it must be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    scenario: String,
    of: String,
    #[expect(dead_code, reason = "for whoever reads the file")]
    reason: String,
}

/// What a report says, without what differs from run to run: ids, addresses, times, and the hash in a ReplicaSet's name.
fn said(report: &Value) -> BTreeMap<(String, String), String> {
    let run = report["run"]["id"].as_str().unwrap();
    let plain = |value: &Value| {
        let text = value.to_string().replace(run, "RUN");
        let mut words: Vec<String> = Vec::new();
        for word in text.split(' ') {
            let hashed = word.find("mxplatform-master-").is_some_and(|_| word.ends_with("-\\\""));
            let address = word.contains("127.") || word.contains("172.");
            // How long after an event something was seen.
            let seconds = word.contains('.') && word.parse::<f64>().is_ok();
            words.push(match (hashed, address, seconds) {
                (true, ..) => "POD".to_owned(),
                (_, true, _) => "ADDRESS".to_owned(),
                (.., true) => "SECONDS".to_owned(),
                _ => word.to_owned(),
            });
        }
        words.join(" ")
    };
    let mut all = BTreeMap::new();
    for scenario in report["scenarios"].as_array().unwrap() {
        let id = scenario["id"].as_str().unwrap();
        let mut note = |of: String, value: &Value| assert!(all.insert((id.to_owned(), of), plain(value)).is_none());
        note("verdict".to_owned(), &scenario["verdict"]);
        for of in ["stage", "cause", "status", "text", "server"] {
            note(format!("observed.{of}"), &scenario["observed"][of]);
        }
        for part in ["stages", "keys", "commands", "steps", "checks"] {
            for case in scenario[part].as_array().into_iter().flatten() {
                let name = ["id", "name", "stage"].iter().find_map(|of| case[*of].as_str()).unwrap();
                for of in ["verdict", "message", "cause"] {
                    note(format!("{part}.{name}.{of}"), &case[of]);
                }
            }
        }
    }
    all
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn every_scenario_and_every_key_is_as_on_kind_but_for_what_kind_has_not_and_the_differences_that_are_listed() {
    let _turn = filling_the_machine();
    let place = Place::new();
    let output = place.run(&["--profile", "all"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let listed =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/local-differences.yaml"));
    let listed: Vec<Difference> = serde_saphyr::from_str(&listed.unwrap()).unwrap();
    let (mut kind, mut local) = (said(&matrix()), said(&place.report()));
    let catalogue = Catalogue::embedded().unwrap();
    let only_here = catalogue.scenarios.iter().filter(|it| it.configuration().day_two.restarts_a_server());
    for only_here in only_here.clone() {
        assert_eq!(scenario(&place.report(), &only_here.id)["verdict"], "conformant", "{}", only_here.id);
        assert_eq!(scenario(&matrix(), &only_here.id)["verdict"], "skipped", "{}", only_here.id);
        kind.retain(|(id, _), _| *id != only_here.id);
        local.retain(|(id, _), _| *id != only_here.id);
    }
    assert!(only_here.count() > 0);
    assert!(kind.len() > 100 * 30, "{} facts are compared", kind.len());
    let differs = |fact: &&(String, String)| kind.get(*fact) != local.get(*fact);
    let mut all: Vec<_> = kind.keys().chain(local.keys()).filter(differs).collect();
    all.sort();
    all.dedup();
    let known = |fact: &(String, String)| listed.iter().any(|it| (&it.scenario, &it.of) == (&fact.0, &fact.1));
    let unlisted: Vec<String> = all
        .iter()
        .filter(|fact| !known(fact))
        .map(|fact| format!("{} {}: kind {:?}, local {:?}", fact.0, fact.1, kind.get(*fact), local.get(*fact)))
        .collect();
    assert!(unlisted.is_empty(), "{} of {} facts differ:\n{}", unlisted.len(), kind.len(), unlisted.join("\n"));
    for it in &listed {
        let still = all.iter().any(|fact| (&fact.0, &fact.1) == (&it.scenario, &it.of));
        assert!(still, "{} {} is listed and does not differ any more", it.scenario, it.of);
    }
    println!(
        "{} scenarios, {} facts compared, {} differ",
        place.report()["scenarios"].as_array().unwrap().len(),
        kind.len(),
        all.len()
    );
    let report = place.report();
    for name in ["etcd", "kube-apiserver", "kube-controller-manager", "vault", "probe"] {
        assert!(report["images"][name].as_str().unwrap().contains("sha256:"), "{name}: {}", report["images"]);
    }
    assert_eq!(report["testbed"], "local");
    assert!(report["run"]["stand-ins"].to_string().contains("the kubelet"), "{}", report["run"]);
    assert_eq!(place.runs(), Vec::<String>::new());
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn on_openbao_the_core_profile_ends_where_and_why_it_does_on_vault() {
    let _turn = filling_the_machine();
    let place = Place::new();
    let output = place.run(&["--profile", "core", "--server", "openbao"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let report = place.report();
    assert!(report["versions"]["openbao"].is_string() && report["versions"]["vault"].is_null(), "{report}");
    let ends = |report: &Value| {
        let of = |(name, text): ((String, String), String)| {
            matches!(name.1.as_str(), "verdict" | "observed.stage" | "observed.cause").then_some((name, text))
        };
        said(report).into_iter().filter_map(of).collect::<BTreeMap<_, _>>()
    };
    let (openbao, vault) = (ends(&report), ends(&matrix()));
    assert!(openbao.len() >= 13 * 3, "{} ends", openbao.len());
    let other = openbao.iter().filter(|(name, end)| vault.get(*name) != Some(*end));
    assert_eq!(other.collect::<Vec<_>>(), Vec::<(&(String, String), &String)>::new());
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn after_a_kill_at_any_moment_cleanup_leaves_no_process_and_no_file_and_a_run_beside_it_goes_on() {
    let _turn = filling_the_machine();
    let (place, beside) = (Place::new(), Place::new());
    let bystander = beside.run(&["--profile", "core"]).spawn().unwrap();
    for moment in [300, 900, 2000, 4000, 6500] {
        let mut victim = place.run(&["--profile", "core"]).spawn().unwrap();
        let run = run_id(&mut victim);
        std::thread::sleep(Duration::from_millis(moment));
        // One that is over by then is none to kill.
        let _ = victim.kill();
        victim.wait().unwrap();
        let cleanup = place.program(&["cleanup"]).output().unwrap();
        assert!(cleanup.status.success(), "after {moment} ms: {}", text(&cleanup));
        assert_eq!((processes_of(&run), place.runs()), (0, vec![]), "after {moment} ms: {}", text(&cleanup));
    }
    // Where the journal is lost, by the label.
    let mut victim = place.run(&["--profile", "core"]).spawn().unwrap();
    let run = run_id(&mut victim);
    eventually("the run has processes", Duration::from_secs(60), || processes_of(&run) > 2);
    victim.kill().unwrap();
    victim.wait().unwrap();
    std::fs::remove_dir_all(place.path("state/runs")).unwrap();
    let cleanup = place.program(&["cleanup", "--run-id", &run]).output().unwrap();
    assert!(cleanup.status.success(), "{}", text(&cleanup));
    assert_eq!(processes_of(&run), 0, "{}", text(&cleanup));
    let output = bystander.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_kept_one_is_used_again_and_goes_when_it_is_told_to() {
    let _turn = filling_the_machine();
    let place = Place::new();
    let output = place.run(&["--scenario", "service-account.custom", "--keep"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let owner = place.report()["run"]["id"].as_str().unwrap().to_owned();
    let again = |arguments: &[&str]| {
        let mut command = place.program(&["run", "--reuse", &owner, "--json"]);
        command.arg(place.path("report.json")).args(arguments).output().unwrap()
    };
    for _ in 0..2 {
        let output = again(&["--scenario", "binding.*", "--scenario", "auth.issuer-vault-in-cluster"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let report = place.report();
        assert_eq!((&report["testbed"], &report["run"]["reused"]), (&"local".into(), &owner.as_str().into()));
        assert_eq!(processes_of(report["run"]["id"].as_str().unwrap()), 0, "pods of a run that is over");
    }
    let output = again(&["--scenario", "service-account.custom", "--require-evidence", "real"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let report = place.report();
    assert!(report["scenarios"][0]["reason"].as_str().unwrap().contains("stand-in (kubelet)"), "{report}");
    assert_eq!(processes_of(&owner), 4, "etcd, the API server, its controllers and Vault");
    let cleanup = place.program(&["cleanup", "--kept"]).output().unwrap();
    assert!(cleanup.status.success(), "{}", text(&cleanup));
    assert_eq!((processes_of(&owner), place.runs()), (0, vec![]));
    let output = again(&["--scenario", "binding.*"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
}

/// The servers' programs in a folder that everybody may read.
fn servers(place: &Place, folder: &Path) {
    let output = place.program(&["images", "--testbed", "local"]).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    for line in listed.lines().filter(|line| !line.starts_with(' ')) {
        let (name, path) = line.split_once(' ').unwrap();
        std::fs::copy(path.trim(), folder.join(name)).unwrap();
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn an_ordinary_user_without_a_home_an_engine_or_a_tree_to_write_to_runs_it() {
    let _turn = filling_the_machine();
    let place = Place::new();
    let open = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    open(place.folder.path(), 0o755);
    let (bin, state) = (place.path("bin"), place.path("state"));
    std::fs::create_dir(&bin).unwrap();
    std::fs::create_dir(&state).unwrap();
    open(&state, 0o777);
    servers(&place, &bin);
    let program = place.path("pmp-vault-conformance");
    std::fs::copy(env!("CARGO_BIN_EXE_pmp-vault-conformance"), &program).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&program);
    command.args(["run", "--testbed", "local", "--profile", "core", "--bin-dir"]).arg(&bin);
    command.arg("--json").arg(state.join("report.json")).current_dir("/").env_remove("HOME");
    command.env("PMP_STATE_DIR", &state).env("DOCKER_HOST", "tcp://127.0.0.1:1");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let report = read(&state.join("report.json"));
    assert!(report["images"]["vault"].as_str().unwrap().contains("--bin-dir"), "{}", report["images"]);
    assert_eq!(processes_of(report["run"]["id"].as_str().unwrap()), 0);
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn what_is_broken_on_purpose_is_noticed_there_too() {
    // Most of it waits for what does not come.
    let place = Place::new();
    let mut test = place.program(&["self-test", "--testbed", "local", "--json"]);
    test.arg(place.path("report.json"));
    // What a kubelet or a scheduler would meet, Vaults that are struck, one object's fields, and the events that no other
    // testbed has. `scripts/self-test` does the rest.
    let events = [
        "day-two/vault-restarted *",
        "day-two/vault-fails-over *",
        "day-two/signing-key-*",
        "day-two/authority-renewed *",
    ];
    let others = ["fault/pod.*", "fault/node.*", "fault/vault.killed*", "lie/vault.swapped-values", "role/*"];
    for only in others.iter().chain(&events) {
        test.args(["--only", only]);
    }
    let output = test.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let report = place.report();
    assert!(report["scores"].as_array().unwrap().len() == 3, "{}", report["scores"]);
    let catalogue = Catalogue::embedded().unwrap();
    let only_here = catalogue.scenarios.iter().filter(|it| it.configuration().day_two.restarts_a_server()).count();
    assert_eq!(text(&output).matches("left-out: noticed").count(), only_here, "{}", text(&output));
    assert_eq!(processes_of(report["run"]["id"].as_str().unwrap()), 0);
}

/// The folder that envtest's users have holds etcd, the API server and kubectl.
#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn where_there_is_no_controller_manager_a_stand_in_makes_the_pods_and_that_is_said() {
    let _turn = filling_the_machine();
    let place = Place::new();
    let assets = place.path("assets");
    std::fs::create_dir(&assets).unwrap();
    servers(&place, &assets);
    std::fs::remove_file(assets.join("kube-controller-manager")).unwrap();
    let of_envtest = |mut command: Command| {
        command.env("KUBEBUILDER_ASSETS", &assets).env("PMP_CACHE", place.path("none")).env("PATH", "/usr/bin:/bin");
        command.output().unwrap()
    };
    let output = of_envtest(place.run(&["--profile", "core", "--keep"]));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let report = place.report();
    let owner = report["run"]["id"].as_str().unwrap().to_owned();
    assert!(report["run"]["stand-ins"].to_string().contains("the controller manager"), "{}", report["run"]);
    assert!(
        report["images"]["kube-apiserver"].as_str().unwrap().contains("KUBEBUILDER_ASSETS"),
        "{}",
        report["images"]
    );
    let evidence = |id: &str| scenario(&report, id)["evidence"].clone();
    assert_eq!(evidence("service-account.account-missing"), "stand-in");
    assert_eq!(evidence("service-account.custom"), "stand-in (kubelet)");
    let again = of_envtest({
        let mut command = place.program(&["run", "--reuse", &owner, "--scenario", "runtime.*", "--json"]);
        command.arg(place.path("report.json"));
        command
    });
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    let doctor = of_envtest(place.program(&["doctor", "--testbed", "local"]));
    assert!(doctor.status.success() && text(&doctor).contains("absent   kube-controller-manager"), "{}", text(&doctor));
    assert!(place.program(&["cleanup", "--kept"]).status().unwrap().success());
    assert_eq!((processes_of(&owner), place.runs()), (0, vec![]));
}

/// What stands in place of a server's program, and what is then said.
const BROKEN: [(&str, &str, &str); 4] = [
    ("etcd", "#!/bin/sh\necho 'bind: address already in use' >&2\nexit 1\n", "etcd does not start: its process"),
    (
        "kube-apiserver",
        "#!/bin/sh\necho 'Error: unknown flag: --endpoint-reconciler-type' >&2\nexit 1\n",
        "unknown flag",
    ),
    ("vault", "#!/bin/sh\necho 'no space left on device' >&2\nexit 1\n", "no space left on device"),
    ("etcd", "\u{7f}ELF of another architecture", "another kind of machine"),
];

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_server_that_does_not_start_is_told_with_the_end_of_its_log_and_nothing_is_left() {
    let _turn = filling_the_machine();
    for (name, content, said) in BROKEN {
        let place = Place::new();
        let bin = place.path("bin");
        std::fs::create_dir(&bin).unwrap();
        std::fs::write(bin.join(name), content).unwrap();
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        let run = place.run(&["--profile", "core", "--bin-dir", bin.to_str().unwrap()]).output().unwrap();
        assert_eq!(run.status.code(), Some(3), "{name}: {}", text(&run));
        assert!(text(&run).contains(said), "{name}: {}", text(&run));
        assert_eq!(processes_of(place.report()["run"]["id"].as_str().unwrap()), 0, "{name}");
        assert_eq!(place.runs(), Vec::<String>::new(), "{name}");
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_server_that_dies_in_the_middle_ends_the_run_at_once_and_accuses_nobody() {
    let _turn = filling_the_machine();
    for name in ["etcd", "kube-apiserver", "kube-controller-manager", "vault"] {
        let place = Place::new();
        let mut run = place.run(&["--profile", "all"]).spawn().unwrap();
        let id = run_id(&mut run);
        let folder = place.path("state/runs").join(&id);
        eventually("a pod runs", Duration::from_secs(90), || {
            std::fs::read_dir(folder.join("pods")).is_ok_and(|mut pods| pods.next().is_some())
        });
        let journal = std::fs::read_to_string(folder.join("journal.jsonl")).unwrap();
        let pid = pid_of(&journal, &format!("pvc-{id}-{name}"));
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        let output = run.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{name}: {}", text(&output));
        let report = place.report();
        assert!(report["problems"].to_string().contains("has ended"), "{name}: {}", report["problems"]);
        let accused = |it: &&Value| it["verdict"] == "nonconformant";
        assert_eq!(report["scenarios"].as_array().unwrap().iter().filter(accused).count(), 0, "{name}");
        assert_eq!((processes_of(&id), place.runs()), (0, vec![]), "{name}");
    }
}

/// The process id that a journal has for a part.
fn pid_of(journal: &str, name: &str) -> String {
    let lines: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let entry = lines.iter().find_map(|line| {
        let creating = &line["creating"];
        (creating["item"]["name"] == name).then(|| creating["entry"].clone())
    });
    let entry = entry.unwrap_or_else(|| panic!("{name} is not in the journal"));
    let uid = lines.iter().find_map(|line| {
        let created = &line["created"];
        (created["entry"] == entry).then(|| created["uid"].as_str().unwrap().to_owned())
    });
    uid.unwrap().split('@').next().unwrap().to_owned()
}
