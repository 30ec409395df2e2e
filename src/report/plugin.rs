//! A check as a plugin of Nagios and of what takes its plugins (Icinga, Naemon, Checkmk, Zabbix): four states and their
//! exit codes, and one line with performance data first. The form is that of the Monitoring Plugins Development Guidelines.

use std::process::ExitCode;
use std::time::Duration;

use super::json::Report;
use super::subjects::subjects;
use super::text::one_line;
use crate::event::{Ending, Exit};
use crate::verdict::Verdict;

/// How much is said in all. Nagios itself reads 8 KiB, NRPE hands on half of that.
const LIMIT: usize = 4000;

/// What a plugin says of its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Everything is as it should be.
    Ok = 0,
    /// It works, and something should be mended.
    Warning = 1,
    /// Something is wrong.
    Critical = 2,
    /// It is not known.
    Unknown = 3,
}

impl State {
    /// Of a check that is over. A failure that its baseline knows is none.
    #[must_use]
    pub fn of(record: &Report) -> Self {
        match record.exit_code {
            code if code == Exit::Failed.code() => Self::Critical,
            code if code != Exit::Passed.code() => Self::Unknown,
            _ if warnings(record) > 0 => Self::Warning,
            _ => Self::Ok,
        }
    }

    /// The word of the guidelines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl From<State> for ExitCode {
    fn from(state: State) -> Self {
        Self::from(state as u8)
    }
}

/// What is said where there is no check: `VAULT UNKNOWN - …`.
#[must_use]
pub fn unknown(why: &str) -> String {
    format!("VAULT {} - {}\n", State::Unknown.as_str(), plain(why))
}

/// What is said of a check: one line with its state, its conclusion and performance data, then a line for each thing to
/// mend. What ends is warned of from `ends_within` on.
#[must_use]
pub fn output(record: &Report, ends_within: Duration) -> String {
    let state = State::of(record);
    let data = performance(record, ends_within).join(" ");
    // Where no scenario says why nothing is known, a report could not be written or pushed.
    let unsaid =
        state == State::Unknown && record.ending == Ending::Complete && record.summary.scenarios.inconclusive == 0;
    let what = record.problems.last().filter(|_| unsaid).unwrap_or(&record.conclusion);
    let mut text = format!("VAULT {} - {} | {data}\n", state.as_str(), plain(what));
    for line in lines(record) {
        if text.len() + line.len() >= LIMIT {
            text.push_str("and more, in the check's other reports\n");
            break;
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn lines(record: &Report) -> impl Iterator<Item = String> {
    let scenarios = record.scenarios.iter().flat_map(|scenario| {
        let about = |what: &str, todo: &str| format!("{}: {} {}", scenario.id, plain(what), plain(todo));
        let answer = scenario.answer.as_ref().filter(|_| scenario.known.is_none());
        let failed = answer.map(|answer| about(&answer.what, &answer.todo));
        let without = (answer.is_none() && scenario.verdict == Verdict::Inconclusive)
            .then(|| format!("{}: no verdict: {}", scenario.id, plain(&scenario.reason)));
        let warned = scenario.to_mend.iter().map(move |said| about(&said.what, &said.todo));
        failed.into_iter().chain(without).chain(warned).collect::<Vec<_>>()
    });
    scenarios.chain(record.problems.iter().map(|problem| format!("problem: {}", plain(problem))))
}

/// `LABEL=VALUE[UNIT];WARN;CRIT;MIN`. Seconds until an end are warned of below a range's beginning.
fn performance(record: &Report, ends_within: Duration) -> Vec<String> {
    let count = |verdict| record.scenarios.iter().flat_map(subjects).filter(|case| case.verdict == verdict).count();
    let took = record.timings.get("total").copied().unwrap_or_default();
    let mut data = vec![
        format!("time={}.{:03}s;;;0", took / 1000, took % 1000),
        format!("failed={};;;0", count(Verdict::Nonconformant)),
        format!("inconclusive={};;;0", count(Verdict::Inconclusive)),
        format!("warnings={};;;0", warnings(record)),
    ];
    let over = format!("{}Z", record.run.started).parse::<jiff::Timestamp>().ok();
    let ends = record.scenarios.iter().flat_map(subjects).filter_map(|case| Some((case.id, case.ends?)));
    for (id, ends) in ends {
        if let (Some(over), Ok(ends)) = (over, ends.parse::<jiff::Timestamp>()) {
            let left = ends.as_second() - over.as_second();
            data.push(format!("{id}={left}s;{}:;0:", ends_within.as_secs()));
        }
    }
    data
}

fn warnings(record: &Report) -> usize {
    record
        .scenarios
        .iter()
        .flat_map(subjects)
        .filter(|case| case.warning && case.verdict == Verdict::Conformant)
        .count()
}

/// On one line, without what begins performance data.
fn plain(text: &str) -> String {
    one_line(text).replace('|', "/")
}
