//! Failures that are known: each with an owner, and with a day after which it fails again. A file for people, as YAML.

use std::path::Path;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::failed;
use crate::page::CauseId;
use crate::verdict::Verdict;
use crate::verdict::result::{Known, ScenarioResult};

/// The failures that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Baseline {
    /// Each of them; a scenario may have several, one for each cause.
    pub known_failures: Vec<Entry>,
}

/// One failure that is known.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Entry {
    /// The scenario's id, as reports have it.
    pub scenario: String,
    /// The cause for which it fails. Without, it may fail for any.
    #[serde(default)]
    pub cause: Option<CauseId>,
    /// Who mends it.
    pub owner: String,
    /// The last day on which it is let pass, `YYYY-MM-DD` in UTC.
    pub expires: String,
    /// Why it is let pass, or where that is written.
    pub why: String,
}

impl Entry {
    fn expires(&self) -> Result<Date, String> {
        self.expires.parse().map_err(|_| {
            format!("`{}`: expires is `{}`, and is to be a day such as 2027-01-31", self.scenario, self.expires)
        })
    }

    fn expired(&self, today: Date) -> bool {
        // Checked when it was read; one without a day would never expire.
        self.expires().map_or(true, |last| last < today)
    }
}

impl Baseline {
    /// Reads the file. `knows` says whether there is a scenario with that id.
    ///
    /// # Errors
    /// What is wrong with it and where, in words.
    pub fn read(path: &Path, knows: impl Fn(&str) -> bool) -> Result<Self, String> {
        let at = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read the baseline {at}: {error}; give the file of known failures"))?;
        let baseline: Self = serde_saphyr::from_str(&text)
            .map_err(|error| format!("the baseline {at} is not as it should be: {error}; docs/reports.md shows one"))?;
        for entry in &baseline.known_failures {
            entry.expires().map_err(|error| format!("the baseline {at}: {error}"))?;
            for (field, said) in [("owner", &entry.owner), ("why", &entry.why)] {
                if said.trim().is_empty() {
                    return Err(format!("the baseline {at}: `{}` has an empty {field}; say it", entry.scenario));
                }
            }
            if !knows(&entry.scenario) {
                return Err(format!("the baseline {at}: there is no scenario `{}`; take it out", entry.scenario));
            }
        }
        Ok(baseline)
    }

    /// Marks the failures that are known today, and gives what else is to be said of the file: what expired, and what
    /// is there in vain.
    pub fn apply(&self, scenarios: &mut [ScenarioResult], today: Date) -> Vec<String> {
        let mut notes = Vec::new();
        for scenario in scenarios {
            let entries: Vec<&Entry> = self.known_failures.iter().filter(|it| it.scenario == scenario.id).collect();
            if scenario.verdict.passes() && !entries.is_empty() {
                notes.push(format!("the baseline names {}, which passes: take it out there", scenario.id));
            }
            if scenario.verdict != Verdict::Nonconformant || entries.is_empty() {
                continue;
            }
            let covering: Option<Vec<&Entry>> = causes(scenario)
                .iter()
                .map(|cause| {
                    let covers = |entry: &&&Entry| entry.cause.is_none() || entry.cause.as_ref() == cause.as_ref();
                    // One that is still good goes before one that is not.
                    entries.iter().filter(covers).max_by_key(|entry| &entry.expires).copied()
                })
                .collect();
            let Some(covering) = covering else {
                notes.push(format!("{} fails for another cause than the baseline knows", scenario.id));
                continue;
            };
            for entry in covering.iter().filter(|entry| entry.expired(today)) {
                let Entry { owner, expires, .. } = entry;
                notes.push(format!("the baseline let {} pass until {expires} (owner: {owner})", scenario.id));
            }
            // The one that ends first is what counts.
            let first = covering.into_iter().min_by_key(|entry| &entry.expires);
            scenario.known = first.filter(|entry| !entry.expired(today)).map(|entry| Known {
                owner: entry.owner.clone(),
                expires: entry.expires.clone(),
                why: entry.why.clone(),
            });
        }
        notes
    }
}

/// For what a scenario failed: that of its stop and those of its cases, each once.
fn causes(scenario: &ScenarioResult) -> Vec<Option<CauseId>> {
    let mut all: Vec<Option<CauseId>> = scenario.observed.cause.iter().cloned().map(Some).collect();
    for cause in failed(scenario).map(|case| case.cause.clone()) {
        // A case without one is failed by what the whole is failed by.
        if !all.contains(&cause) && (cause.is_some() || all.is_empty()) {
            all.push(cause);
        }
    }
    if all.is_empty() {
        all.push(None);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::result::{Case, Subject};

    fn failing(causes: &[&str]) -> ScenarioResult {
        let case = |(number, cause): (usize, &&str)| Case {
            cause: Some(CauseId::new(*cause)),
            ..Case::new(Subject::Check(format!("check-{number}")), Verdict::Nonconformant, "it is not")
        };
        ScenarioResult::of_checks("a.one", "", "", causes.iter().enumerate().map(case).collect())
    }

    fn entry(cause: Option<&str>, expires: &str) -> Entry {
        Entry {
            scenario: "a.one".to_owned(),
            cause: cause.map(CauseId::new),
            owner: "team".to_owned(),
            expires: expires.to_owned(),
            why: "ticket".to_owned(),
        }
    }

    fn applied(entries: &[Entry], mut scenario: ScenarioResult) -> (Option<String>, Vec<String>) {
        let baseline = Baseline { known_failures: entries.to_vec() };
        let notes = baseline.apply(std::slice::from_mut(&mut scenario), jiff::civil::date(2026, 6, 15));
        (scenario.known.map(|known| known.expires), notes)
    }

    #[test]
    fn a_known_failure_is_known_on_its_last_day_and_not_after() {
        let (known, notes) = applied(&[entry(Some("x.y"), "2026-06-15")], failing(&["x.y"]));
        assert_eq!((known.as_deref(), notes.len()), (Some("2026-06-15"), 0));
        let (known, notes) = applied(&[entry(Some("x.y"), "2026-06-14")], failing(&["x.y"]));
        assert_eq!(known, None);
        assert_eq!(notes, ["the baseline let a.one pass until 2026-06-14 (owner: team)"]);
    }

    #[test]
    fn a_failure_for_another_cause_is_not_known_and_one_that_is_gone_is_said() {
        let (known, notes) = applied(&[entry(Some("x.y"), "2026-12-31")], failing(&["x.y", "x.z"]));
        assert_eq!(known, None);
        assert_eq!(notes, ["a.one fails for another cause than the baseline knows"]);
        let both = [entry(Some("x.y"), "2026-12-31"), entry(Some("x.z"), "2026-07-01")];
        assert_eq!(applied(&both, failing(&["x.y", "x.z"])).0.as_deref(), Some("2026-07-01"));
        assert_eq!(applied(&[entry(None, "2026-07-01")], failing(&["x.y"])).0.as_deref(), Some("2026-07-01"));
        let passes = ScenarioResult::of_checks(
            "a.one",
            "",
            "",
            vec![Case::new(Subject::Check("check".to_owned()), Verdict::Conformant, "")],
        );
        let (known, notes) = applied(&both, passes);
        assert_eq!((known, notes[0].contains("take it out")), (None, true));
    }
}
