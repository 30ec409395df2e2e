//! One check of a customer's set-up: while it goes on, and what came of it.

use std::collections::BTreeSet;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::customer::{ALL, APP, LIMIT};
use super::testbed;

/// A check that goes on.
pub struct Running {
    pub child: Child,
    folder: TempDir,
}

impl Running {
    /// Its output and its reports are in the folder.
    pub fn new(child: Child, folder: TempDir) -> Self {
        Self { child, folder }
    }

    fn text(&self, name: &str) -> String {
        let bytes = std::fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn stdout(&self) -> String {
        self.text("stdout")
    }

    pub fn stderr(&self) -> String {
        self.text("stderr")
    }

    /// The run's id, once it is said.
    pub fn run_id(&self) -> Option<String> {
        let text = self.stdout();
        let line = text.lines().next().filter(|_| text.contains('\n'))?;
        Some(line.split_whitespace().nth(1)?.trim_end_matches(':').to_owned())
    }

    pub fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ran {
        let status = wait(&mut self.child);
        let report = self.text("report.json");
        Ran {
            code: status.code(),
            report: serde_json::from_str(&report).unwrap_or_default(),
            stdout: self.stdout(),
            stderr: self.stderr(),
            files: vec![report, self.text("junit.xml")],
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where a test fails, nothing goes on behind it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(started.elapsed() < LIMIT * 2, "the check does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A check that is over.
pub struct Ran {
    pub code: Option<i32>,
    pub report: Value,
    pub stdout: String,
    pub stderr: String,
    /// The JSON and the JUnit report, as written.
    pub files: Vec<String>,
}

impl Ran {
    /// Everything that it printed, for messages.
    pub fn said(&self) -> String {
        format!("exit code {:?}\n{}\n{}", self.code, self.stdout, self.stderr)
    }

    pub fn id(&self) -> &str {
        self.report["run"]["id"].as_str().unwrap()
    }

    pub fn verdict(&self, id: &str) -> &str {
        testbed::scenario(&self.report, id)["verdict"].as_str().unwrap()
    }

    /// The verdicts, in the order of [`ALL`].
    pub fn verdicts(&self) -> Vec<&str> {
        ALL.iter().map(|id| self.verdict(id)).collect()
    }

    /// Where the app's way stops: the one cause, or all that it may be.
    pub fn way(&self) -> BTreeSet<String> {
        let observed = &testbed::scenario(&self.report, APP)["observed"];
        let one = observed["cause"].as_str().map(str::to_owned);
        let many = observed["candidates"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        one.into_iter().chain(many).collect()
    }

    /// The causes of everything that is failed or warned of.
    pub fn causes(&self) -> BTreeSet<String> {
        &self.fails() | &self.warns()
    }

    /// The causes of everything that is failed.
    pub fn fails(&self) -> BTreeSet<String> {
        self.causes_where(|case| case["verdict"] == "nonconformant")
    }

    /// The causes of everything that is warned of.
    pub fn warns(&self) -> BTreeSet<String> {
        self.causes_where(|case| case["warning"] == true)
    }

    fn causes_where(&self, holds: impl Fn(&Value) -> bool) -> BTreeSet<String> {
        self.cases().filter(|case| holds(case)).filter_map(|case| case["cause"].as_str().map(str::to_owned)).collect()
    }

    fn cases(&self) -> impl Iterator<Item = &Value> {
        let scenarios = self.report["scenarios"].as_array().into_iter().flatten();
        scenarios.flat_map(|scenario| {
            ["stages", "keys", "checks"]
                .into_iter()
                .flat_map(move |kind| scenario[kind].as_array().into_iter().flatten())
        })
    }

    /// The requests, as (to, by, method, path).
    pub fn ledger(&self) -> Vec<[String; 4]> {
        let requests = self.report["ledger"].as_array().into_iter().flatten();
        requests.map(|r| ["to", "by", "method", "path"].map(|field| r[field].as_str().unwrap().to_owned())).collect()
    }
}
