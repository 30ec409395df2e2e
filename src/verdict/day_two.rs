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
        let (verdict, message) = match in_time(meanwhile, later) {
            Ok(when) if result.verdict.passes() => (result.verdict, format!("{when}: {}", result.reason)),
            Err((verdict, why)) if result.verdict.passes() => (verdict, format!("{why}: {}", result.reason)),
            // It may have come to be so later.
            _ if later.change_ms.is_none() && later.looked_ms < limit(meanwhile.within) => {
                let when = seconds(later.looked_ms);
                (Verdict::Inconclusive, format!("not looked at since {when} after the event: {}", result.reason))
            }
            _ => (result.verdict, result.reason),
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

/// When it came to be so, in words, where that is as it should be. How often a busy machine lets the app look is nothing
/// that counts: a change is too late only where what was before was seen after its time, and too soon only where it was
/// itself seen before.
fn in_time(meanwhile: &Meanwhile, later: &Later) -> Result<String, (Verdict, String)> {
    let (from, to) = (meanwhile.not_before.unwrap_or(0), meanwhile.within);
    match later.change_ms {
        None if later.looked_ms < limit(from) => {
            let why = format!("looked at {} after the event, which is too soon to tell", seconds(later.looked_ms));
            Err((Verdict::Inconclusive, why))
        }
        None => Ok(format!("still so {} after the event", seconds(later.looked_ms))),
        // The moment of an event is taken when it has been answered; the app may see it a little sooner.
        Some((_, first)) if from > 0 && first < limit(from) => {
            Err((Verdict::Nonconformant, format!("{} after the event, sooner than {from} s", seconds(first))))
        }
        Some((last, _)) if last > limit(to) => {
            Err((Verdict::Nonconformant, format!("not yet so {} after the event, later than {to} s", seconds(last))))
        }
        Some((last, first)) => Ok(format!("between {} and {} after the event", seconds(last), seconds(first))),
    }
}

fn limit(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)
}

fn seconds(millis: i64) -> String {
    // A look that began before the event may see what was before it.
    let millis = millis.max(0);
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
