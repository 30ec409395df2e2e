//! However a check of a customer's cluster ends, nothing of it is left there,
//! and what is the customer's own is untouched.

use std::process::{Command, Output};
use std::time::Duration;

use crate::support::check::Running;
use crate::support::customer::{ACCOUNT, Customer, LIMIT};
use crate::support::servers::{context, kubeconfig, on_threads};
use crate::support::testbed::{eventually, kubectl, program};

/// `cleanup` by the customer's state folder.
fn cleanup(customer: &Customer, arguments: &[&str]) -> Output {
    let mut command = program();
    command.env("PMP_STATE_DIR", customer.state.path()).arg("cleanup").args(arguments).output().unwrap()
}

fn cleaned(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

fn start(customer: &Customer) -> Running {
    customer.spawn(&customer.flags(), &[&format!("--other-namespace={}", customer.other)], "")
}

/// Waits until the check has made pods.
fn is_under_way(customer: &Customer) {
    eventually("the check has pods", LIMIT, || customer.labelled().iter().any(|name| name.starts_with("pod/")));
}

/// Ends it as nothing can catch, and gives its id where it had one.
fn killed(mut running: Running) -> Option<String> {
    running.signal("-KILL");
    running.child.wait().unwrap();
    running.run_id()
}

/// One that was killed at each of these moments is cleaned up after; every
/// other time by what its objects carry, as where the journal is lost.
fn kill_at(customer: &Customer, moments: &[u64]) {
    let uid = customer.app_uid();
    let account = ["get", "serviceaccount", ACCOUNT, "-n", &customer.namespace, "-o", "jsonpath={.metadata.uid}"];
    let account_uid = kubectl(&account);
    let namespaces = [&customer.namespace, &customer.other].map(|name| format!("--namespace={name}"));
    let config = format!("--kubeconfig={}", kubeconfig().display());
    let context = format!("--context={}", context());
    for (number, moment) in moments.iter().enumerate() {
        let running = start(customer);
        std::thread::sleep(Duration::from_millis(*moment));
        let run = killed(running);
        let journals = customer.runs_left();
        assert!(journals.len() <= 1, "{journals:?}");
        // Before it says its id it has made nothing.
        let Some(run) = run.or_else(|| journals.first().cloned()) else {
            assert_eq!(customer.labelled(), Vec::<String>::new(), "at {moment} ms");
            continue;
        };
        if number % 2 == 1 {
            let _ = std::fs::remove_dir_all(customer.state.path().join("runs").join(&run));
            cleaned(&cleanup(customer, &["--run-id", &run, &context, &config, &namespaces[0], &namespaces[1]]));
        } else {
            cleaned(&cleanup(customer, &["--run-id", &run]));
        }
        assert_eq!(customer.labelled(), Vec::<String>::new(), "run {run}, killed at {moment} ms");
        assert_eq!(customer.runs_left(), Vec::<String>::new(), "run {run}, killed at {moment} ms");
        assert_eq!((customer.app_uid(), kubectl(&account)), (uid.clone(), account_uid.clone()));
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn killed_at_twenty_moments_a_check_leaves_nothing_that_cleanup_does_not_remove() {
    let moments: Vec<u64> = (0..20).map(|number| 50 + 150 * number).collect();
    // Four customers at once, each with moments from all over a run.
    let shares: Vec<Vec<u64>> = (0..4).map(|first| moments.iter().copied().skip(first).step_by(4).collect()).collect();
    on_threads(4, &shares, |_, share| kill_at(&Customer::with_app("killed"), share));
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn what_a_killed_check_left_is_told_by_the_next_one_and_not_cleaned_unasked() {
    let customer = Customer::with_app("notice");
    let running = start(&customer);
    is_under_way(&customer);
    let run = killed(running).unwrap();
    let left = customer.labelled();
    assert!(!left.is_empty());
    let next = customer.run(&[]);
    assert_eq!(next.code, Some(0), "{}", next.said());
    let notice = format!("run {run} was cut off on a cluster of yours; `cleanup --run-id {run}`");
    assert!(next.said().contains(&notice), "{}", next.said());
    assert_eq!(customer.runs_left(), vec![run.as_str()]);
    // Kubernetes may have ended a pod meanwhile, and removes none.
    for name in left.iter().filter(|name| name.contains(&run)) {
        assert!(customer.labelled().contains(name), "{name} was removed unasked");
    }
    let all = cleanup(&customer, &[]);
    cleaned(&all);
    assert_eq!((customer.labelled(), customer.runs_left()), (Vec::new(), Vec::new()));
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn an_interrupted_check_cleans_up_reports_and_ends_with_130() {
    let customer = Customer::with_app("interrupted");
    let uid = customer.app_uid();
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let running = start(&customer);
        is_under_way(&customer);
        running.signal(signal);
        let ran = running.end();
        assert_eq!(ran.code, Some(code), "{}", ran.said());
        assert_eq!((customer.labelled(), customer.runs_left()), (Vec::new(), Vec::new()), "{}", ran.said());
        assert_eq!(ran.verdicts().len(), 5, "each check has its case: {}", ran.said());
        assert!(ran.verdicts().iter().all(|verdict| *verdict != "nonconformant"), "{}", ran.said());
        assert!(ran.files[1].contains("<testsuite"), "the JUnit report is written");
    }
    assert_eq!(customer.app_uid(), uid);
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_second_signal_stops_at_once_and_the_commands_that_it_prints_do_the_rest() {
    let customer = Customer::with_app("twice");
    let running = start(&customer);
    is_under_way(&customer);
    running.signal("-INT");
    // From here on it cleans up, and a pod takes a second to end.
    eventually("the first signal is heard", LIMIT, || running.stderr().contains("once more: stop at once"));
    running.signal("-INT");
    let run = running.run_id().unwrap();
    let ran = running.end();
    assert_eq!(ran.code, Some(130), "{}", ran.said());
    assert!(ran.stderr.contains("stopped at once"), "{}", ran.said());
    assert!(ran.stderr.contains(&format!("`cleanup --run-id {run}` does all of it")), "{}", ran.said());
    assert!(ran.report.is_null(), "no report is written");

    let commands: Vec<&str> = ran.stderr.lines().map(str::trim).filter(|line| line.starts_with("kubectl ")).collect();
    assert!(!commands.is_empty(), "{}", ran.said());
    for command in &commands {
        let output = Command::new("sh").args(["-c", &format!("{command} --ignore-not-found")]).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
    }
    assert_eq!(customer.labelled(), Vec::<String>::new(), "{commands:?}");
    // What is gone already is no trouble.
    cleaned(&cleanup(&customer, &["--run-id", &run]));
    assert_eq!(customer.runs_left(), Vec::<String>::new());
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_check_that_is_over_its_time_limit_says_so_and_leaves_nothing() {
    let customer = Customer::with_app("limit");
    let ran = customer.run(&["--timeout", "1500ms", "--node-selector", "no=such-node"]);
    assert_eq!(ran.code, Some(3), "{}", ran.said());
    assert!(ran.report["problems"].to_string().contains("time limit"), "{}", ran.said());
    assert_eq!((customer.labelled(), customer.runs_left()), (Vec::new(), Vec::new()));
}
