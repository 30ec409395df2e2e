//! The check as a plugin of Sonobuoy: what is printed, what it writes at every end, what is read of Sonobuoy's results.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use rstest::rstest;
use serde_json::{Value, json};

use crate::cli_existing::{Place, SECRET_NAME, printed};
use crate::support::cli::program;
use crate::support::junit::check_junit;

#[test]
fn a_plugin_has_nothing_of_this_machine_and_takes_what_a_job_takes() {
    let command = ["print", "sonobuoy-plugin", "--namespace=app", SECRET_NAME, "--probe-image=i"];
    let refused = Place::new().program().args(command).arg("--junit=x").assert().code(2);
    refused.stderr(contains("a plugin has no token and no file"));

    let flags = ["--push-metrics=http://pushgateway.example:9091", "--toleration=dedicated", "--require=all"];
    let (plugin, job) = (printed("sonobuoy-plugin", &flags), printed("job", &flags));
    let (pod, container) = (&job["spec"]["template"]["spec"], &job["spec"]["template"]["spec"]["containers"][0]);
    for same in ["serviceAccountName", "tolerations", "volumes", "restartPolicy"] {
        assert_eq!(plugin["podSpec"][same], pod[same], "{same}");
    }
    for same in ["image", "env", "resources", "volumeMounts"] {
        assert_eq!(plugin["spec"][same], container[same], "{same}");
    }
    let mut arguments = container["args"].as_array().unwrap().clone();
    arguments.extend(["--sonobuoy=$(SONOBUOY_RESULTS_DIR)", "--junit-detail=stage"].map(Value::from));
    assert_eq!(plugin["spec"]["args"], json!(arguments));
}

/// What is in a folder of results: JUnit, JSON, and what `done` names.
fn results_in(folder: &Path) -> (String, Value, String) {
    let text =
        |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let junit = text("pmp-vault-conformance.xml");
    check_junit(&junit);
    (junit, serde_json::from_str(&text("pmp-vault-conformance.json")).unwrap(), text("done"))
}

#[rstest]
#[case::of_no_cluster(&["--context=customer"], 3, 5, "the cluster cannot be asked")]
#[case::that_is_refused(&["--context=customer", "--require=zzz"], 2, 0, "ended without a report")]
#[case::with_a_flag_that_nobody_knows(&["--context=customer", "--bogus"], 2, 0, "ended without a report")]
fn sonobuoy_is_told_of_every_end_of_a_check(
    #[case] flags: &[&str],
    #[case] code: i32,
    #[case] scenarios: usize,
    #[case] says: &str,
) {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    for name in ["done", "pmp-vault-conformance.xml"] {
        std::fs::write(folder.path().join(name), "of a check before").unwrap();
    }
    let config = place.kubeconfig("http://127.0.0.1:1");
    let results = format!("--sonobuoy={}", folder.path().display());
    let all = [&["--namespace=app", "--probe-image=i", SECRET_NAME, &config, &results], flags].concat();
    place.check(&all).code(code);
    let (junit, record, done) = results_in(folder.path());
    assert_eq!(done, folder.path().display().to_string());
    assert!(junit.contains(says) && junit.contains("<error"), "{junit}");
    assert_eq!((&record["exit-code"], record["scenarios"].as_array().unwrap().len()), (&json!(3), scenarios));
    assert!(record["problems"].to_string().contains(says), "{record}");
}

#[test]
fn help_and_a_folder_that_is_not_there_leave_no_results() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    place.check(&[&format!("--sonobuoy={}", folder.path().display()), "--help"]).code(0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let gone = folder.path().join("gone");
    let flags = ["--context=customer", "--namespace=app", "--probe-image=i", SECRET_NAME];
    let results = format!("--sonobuoy={}", gone.display());
    let told = contains("cannot write the report").and(contains("mkdir -p"));
    place.check(&[&flags[..], &[&results]].concat()).code(2).stderr(told);
    assert!(!gone.exists());
}

#[test]
fn sonobuoy_is_told_of_a_check_that_a_signal_ends() {
    // A cluster that takes every connection and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (place, folder) = (Place::new(), tempfile::tempdir().unwrap());
    let config = place.kubeconfig(&format!("http://{}", silent.local_addr().unwrap()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmp-vault-conformance"));
    command.args(["check", "--context=customer", "--namespace=app", "--probe-image=i", SECRET_NAME, &config]);
    command.arg(format!("--sonobuoy={}", folder.path().display())).env("NO_PROXY", "*");
    command.env("PMP_STATE_DIR", place.state()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    assert!(!folder.path().join("done").exists());
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    std::io::copy(&mut out, &mut std::io::sink()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let (_, record, done) = results_in(folder.path());
    assert_eq!((done, &record["ending"]), (folder.path().display().to_string(), &json!("terminated")));
}

/// Results of Sonobuoy with a record of a check that failed for each of these plugins, and other files beside them.
fn gathered(folder: &Path, plugins: &[&str]) -> PathBuf {
    let results = folder.join("written");
    std::fs::create_dir_all(&results).unwrap();
    let flag = format!("--sonobuoy={}", results.display());
    Place::new().check(&[&flag, "--bogus"]).code(2);
    let file = folder.join(format!("{}.tar.gz", plugins.len()));
    let packed = GzEncoder::new(std::fs::File::create(&file).unwrap(), Compression::fast());
    let mut tar = tar::Builder::new(packed);
    for plugin in plugins {
        tar.append_dir_all(format!("plugins/{plugin}/results/global"), &results).unwrap();
    }
    tar.append_path_with_name(results.join("done"), "podlogs/sonobuoy/a-pod/logs/check.txt").unwrap();
    tar.into_inner().unwrap().finish().unwrap();
    file
}

/// The columns of the matrix of these files.
fn columns(folder: &Path, files: &[String]) -> Vec<String> {
    let matrix = folder.join("matrix.json");
    program(folder).args(["report", "merge"]).args(files).arg("--json").arg(&matrix).assert().code(0);
    let matrix: Value = serde_json::from_str(&std::fs::read_to_string(matrix).unwrap()).unwrap();
    let columns = matrix["columns"].as_array().unwrap().iter();
    columns.map(|column| column["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn results_of_sonobuoy_are_merged_beside_records_and_each_plugin_s_is_a_column() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (one, two) = (gathered(folder, &["shop"]), gathered(folder, &["shop", "billing"]));
    let record = folder.join("written/pmp-vault-conformance.json");
    let named = |name: &str, file: &Path| format!("{name}={}", file.display());
    let files = [named("alone", &record), named("east", &one), named("west", &two)];
    assert_eq!(columns(folder, &files), ["alone", "east", "west, shop", "west, billing"]);
    assert_eq!(columns(folder, &[two.display().to_string()]), ["shop", "billing"]);
}

#[test]
fn a_tarball_of_something_else_is_refused_with_what_is_wrong_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let none = gathered(folder.path(), &[]);
    let merge = |file: &Path| program(folder.path()).args(["report", "merge"]).arg(file).assert().code(2);
    merge(&none).stderr(contains("holds no report of this program").and(contains("sonobuoy results")));
    let whole = std::fs::read(gathered(folder.path(), &["shop"])).unwrap();
    let cut = folder.path().join("cut.tar.gz");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    merge(&cut).stderr(contains("as the results of Sonobuoy").and(contains("sonobuoy retrieve")));
    assert!(!folder.path().join("plugins").exists());
}
