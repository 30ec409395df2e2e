//! What an app sees of what happens while it lives: one case for each look at it.
//!
//! Each is judged as a way of its own, up to the keys. That the app read everything before, and does so once it is mended,
//! is the control: what it sees in between is the event's doing.

use super::question::{Expected, Question};
use super::result::{Case, ScenarioResult, Subject, Verdict};
use super::sighting::{Later, Lived, Sighting};
use crate::page::{Reads, Stage};
use crate::scenario::day_two::{Meanwhile, Sees};

/// The cases, in the order of what was seen. `judge` gives the verdict on one look.
pub fn cases<'a>(
    question: &Question<'a>,
    meanwhile: &'a Meanwhile,
    lived: Option<&Lived>,
    judge: impl Fn(Question<'a>, &Sighting) -> ScenarioResult,
) -> Vec<Case> {
    let Some(lived) = lived else {
        return vec![case(
            "before-the-event",
            Verdict::Inconclusive,
            "nothing happened while the app lived".to_owned(),
        )];
    };
    let at = |sees: &'a Sees, sighting: &Sighting| judge(look(question, sees), sighting);
    let before = at(&Sees::Reads, &lived.before);
    let later = |id, sees: &'a Sees, later: &Later| {
        let result = at(sees, &later.seen);
        let (verdict, message) = match (result.verdict.passes(), in_time(meanwhile, later)) {
            (true, Err((verdict, why))) => (verdict, format!("{why}: {}", result.reason)),
            (true, Ok(when)) => (result.verdict, format!("{when}: {}", result.reason)),
            (false, _) => (result.verdict, result.reason),
        };
        Case { cause: result.observed.cause, ..case(id, verdict, message) }
    };
    vec![
        case("before-the-event", before.verdict, before.reason),
        later("kept-token", &meanwhile.kept_token, &lived.kept_token),
        later("new-login", &meanwhile.new_login, &lived.new_login),
        mended(meanwhile.kept_token_mended, lived.kept_token_mended.as_ref().map(|seen| at(&Sees::Reads, seen))),
    ]
}

fn case(id: &str, verdict: Verdict, message: String) -> Case {
    Case::new(Subject::Step(id.to_owned()), verdict, message)
}

/// The question of one look, up to the keys.
#[must_use]
pub fn look<'a>(question: &Question<'a>, sees: &'a Sees) -> Question<'a> {
    let expected = match sees {
        Sees::Reads => Expected::Reads(&Reads::All),
        // A loaded scenario names causes of the catalogue, and each has its stage.
        Sees::StopsFor(cause) => Expected::Stops(cause.stage().unwrap_or(Stage::Login), cause),
    };
    Question {
        evidence: question.evidence,
        servers: question.servers,
        only: Some(Stage::Keys),
        ..Question::new(question.id, question.title, question.page, expected)
    }
}

/// When it was seen, in words, where that is as it should be.
fn in_time(meanwhile: &Meanwhile, later: &Later) -> Result<String, (Verdict, String)> {
    let (from, to) = (meanwhile.not_before.unwrap_or(0), meanwhile.within);
    let limit = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    match later.after_ms {
        None if later.looked_ms < limit(from) => {
            let why = format!("looked at {} after the event, and not {from} s", seconds(later.looked_ms));
            Err((Verdict::Inconclusive, why))
        }
        None => Ok(format!("still so {} after the event", seconds(later.looked_ms))),
        Some(after) if after < limit(from) => {
            Err((Verdict::Nonconformant, format!("{} after the event, sooner than {from} s", seconds(after))))
        }
        Some(after) if after > limit(to) => {
            Err((Verdict::Nonconformant, format!("{} after the event, later than {to} s", seconds(after))))
        }
        Some(after) => Ok(format!("{} after the event", seconds(after))),
    }
}

fn seconds(millis: i64) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

/// Whether the token from before reads once it is mended.
fn mended(expected: bool, seen: Option<ScenarioResult>) -> Case {
    let (reads, reason) = match seen {
        None => (false, "the app has another pod now, and with it another token".to_owned()),
        Some(result) if result.verdict == Verdict::Inconclusive => {
            return case("kept-token-mended", result.verdict, result.reason);
        }
        Some(result) => (result.verdict.passes(), result.observed.in_full()),
    };
    match reads == expected {
        true => case("kept-token-mended", Verdict::Conformant, reason),
        false => {
            let wanted = if expected { "reads again" } else { "does not come back" };
            let message = format!("expected that the token from before {wanted}; observed: {reason}");
            case("kept-token-mended", Verdict::Nonconformant, message)
        }
    }
}
