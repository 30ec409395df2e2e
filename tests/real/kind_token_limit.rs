//! Hosted clusters limit how long a token lives, whatever is asked for. The page's reviewer then works today, and not tomorrow.

use crate::support::servers::filling_the_machine;
use crate::support::testbed::{Reports, program, scenario};

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn where_the_api_server_limits_tokens_the_reviewers_ends_before_the_year_that_the_page_asks_for() {
    let _turn = filling_the_machine();
    let reports = Reports::new();
    let mut run = program();
    run.args(["run", "--service-account-max-token-expiration", "48h", "--scenario", "block.generic-mended", "--json"]);
    let output = run.arg(reports.path("report.json")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));

    let report = reports.json();
    assert_eq!(report["versions"]["longest-token"], "2days");
    let seen = scenario(&report, "block.generic-mended");
    assert_eq!(seen["verdict"], "nonconformant");
    let wrong: Vec<_> =
        seen["steps"].as_array().unwrap().iter().filter(|step| step["verdict"] != "conformant").collect();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert_eq!(wrong[0]["id"], "reviewer-token-lasts");
    let message = wrong[0]["message"].as_str().unwrap();
    assert!(message.contains("ends after 48 h, and 8760 h were asked for"), "{message}");
    // Today every key is read.
    assert!(seen["keys"].as_array().unwrap().iter().all(|key| key["verdict"] == "conformant"));
}
