//! The checks of the app's pods: what the probe could take over, whether a running pod's token is any good, and
//! whether pods that run in another way are let in as well. Pure.

use crate::check::anew::{self, Known};
use crate::check::app::{App, Source};
use crate::check::case::{check, ending, failed, warning};
use crate::check::clues::is_loopback;
use crate::check::likeness::{Instead, Likeness, Token};
use crate::check::sighted::Sighted;
use crate::check::target::Target;
use crate::page::Stage;
use crate::page::cause::{SaysOf, ids};
use crate::probe::observation::Observation;
use crate::verdict::Verdict;
use crate::verdict::result::{Case, Observed, ScenarioResult};

/// In a fixed order. `kinds` are the results of the app's other pods, in the order of [`App::other_kinds`]; `now` is
/// Unix time in seconds.
pub(super) fn cases(sighted: &Sighted, kinds: &[ScenarioResult], now: i64) -> Vec<Case> {
    vec![twin(&sighted.app, sighted.twin.observation()), token(sighted, now), others(&sighted.app, kinds)]
}

const NO_POD: &str = "the app has no pod";

/// What the probe's pod had of the app's, and what not.
fn twin(app: &App, observation: Option<&Observation>) -> Case {
    let id = "app-twin";
    let Some(like) = &app.like else { return check(id, Verdict::Skipped, NO_POD) };
    let mut taken = vec![format!("Service Account {}", like.service_account)];
    taken.extend(like.taken.iter().cloned());
    let mut text = format!("as pod {}: {}", like.pod, taken.join("; "));
    if !like.authorities.is_empty()
        && let Some(asked) = observation.and_then(|observation| observation.asked.as_ref())
    {
        text.push_str(&format!(" ({} certificates there)", asked.mounted_authorities));
    }
    let left: Vec<&str> = like.apart.iter().chain(&like.left).map(String::as_str).collect();
    if !left.is_empty() {
        text.push_str(&format!(". Not as there: {}", left.join("; ")));
    }
    match like.apart.is_empty() {
        true => check(id, Verdict::Conformant, text),
        false => warning(id, ids::pod::NOT_AS_APP, text),
    }
}

/// Whether the running pod's own token is of the account that is there, and will last.
fn token(sighted: &Sighted, now: i64) -> Case {
    let id = "app-token";
    let app = &sighted.app;
    let (Some(like), Some(started)) = (&app.like, app.started) else { return check(id, Verdict::Skipped, NO_POD) };
    if matches!(like.token, Token::None | Token::Foreign(_) | Token::NotTold) {
        return check(id, Verdict::Skipped, "how the pod gets its token is not known");
    }
    let Some(account) = &sighted.inspection.cluster.account else {
        return check(id, Verdict::Skipped, "when its Service Account was made is not known");
    };
    // The times that it is compared with are by the API server's clock, and this machine's may be another.
    let by_the_server = sighted.twin.made;
    let Some(now) = by_the_server.or_else(|| jiff::Timestamp::from_second(now).ok()) else {
        return check(id, Verdict::Skipped, "the clock is off");
    };
    let made = account.made;
    let pod = &like.pod;
    let anew = format!(
        "Service Account {} was made anew at {made}, after pod {pod} had been given its token",
        like.service_account
    );
    let never = format!("pod {pod} mounts its token by subPath, so it never gets a newer one, and it ");
    let by = |until: Option<jiff::Timestamp>| {
        until.map_or(String::new(), |until| format!(" by itself, by {} at the latest", whole(until)))
    };
    match anew::known(&like.token, started, made, now) {
        Known::OfToday => check(id, Verdict::Conformant, ""),
        Known::Renewed => check(id, Verdict::Conformant, format!("{anew}; it has had a newer one since")),
        Known::OfTheOld { until } => failed(
            id,
            ids::token::ACCOUNT_MADE_ANEW,
            format!(
                "{anew}. Vault refuses that token, where it lets a new pod in{}",
                until.map_or(String::new(), |_| format!("; Kubernetes gives the pod a newer one{}", by(until)))
            ),
        ),
        Known::Unclear { until } => Case {
            cause: Some(ids::token::ACCOUNT_MADE_ANEW),
            ..check(
                id,
                Verdict::Inconclusive,
                format!(
                    "{anew}. Whether Kubernetes has given it a newer one since cannot be seen{}; until then Vault refuses it",
                    until.map_or(String::new(), |_| format!(" (it does{})", by(until)))
                ),
            )
        },
        Known::Ended { at } => {
            ending(at, failed(id, ids::token::NEVER_RENEWED, format!("{never}ended at {}", whole(at))))
        }
        Known::Ends { at } => {
            ending(at, warning(id, ids::token::NEVER_RENEWED, format!("{never}ends at {}", whole(at))))
        }
    }
}

fn whole(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The app's pods that run in another way than the newest, as while a change is rolled out.
fn others(app: &App, kinds: &[ScenarioResult]) -> Case {
    let id = "other-pods";
    if app.like.is_none() {
        return check(id, Verdict::Skipped, NO_POD);
    }
    if app.source == Source::Flag {
        return check(id, Verdict::Skipped, "the account is that of --service-account, not a pod's");
    }
    let each = app.other_kinds.iter().zip(kinds).map(|(like, result)| {
        format!("pod {}, which runs as {}: {}", like.pod, like.service_account, result.observed.phrase())
    });
    let mut texts: Vec<String> = each.collect();
    if !app.further.is_empty() {
        texts.push(format!("not looked at: {}", app.further.join(", ")));
    }
    let text = texts.join("; ");
    let worst = |verdict: Verdict| kinds.iter().find(|result| result.verdict == verdict);
    if let Some(result) = worst(Verdict::Nonconformant) {
        return Case { cause: result.observed.cause.clone(), ..check(id, Verdict::Nonconformant, text) };
    }
    let unclear = worst(Verdict::Inconclusive).is_some() || !app.further.is_empty();
    check(id, if unclear { Verdict::Inconclusive } else { Verdict::Conformant }, text)
}

/// Why a stop of the twin says nothing of the app, where it does not: what the app has there, the twin cannot have.
pub(super) fn says_nothing(target: &Target, like: &Likeness, observed: &Observed) -> Option<String> {
    let (pod, address) = (&like.pod, &target.secret.address);
    match (&like.token, observed.stage?) {
        (Token::Foreign(volume), Stage::Token) => Some(format!(
            "pod {pod} gets its token by a volume that a pod of the check cannot have ({volume}); --token-file says where \
             else it is"
        )),
        (_, Stage::Login) if observed.status.is_none() && !like.beside.is_empty() && is_loopback(address) => {
            Some(format!(
                "the Secret Name leads into the app's own pod ({address}), where another container answers ({}); a pod of the \
             check has none, so name Vault's own address",
                like.beside.join(", ")
            ))
        }
        _ => None,
    }
}

/// Where Vault lets the pod in by another way than the likeliest, it is not known which the app takes.
pub(super) fn another_way(sighted: &Sighted, observed: &Observed) -> Option<String> {
    let app = &sighted.app;
    if !matches!(observed.stage, Some(Stage::Token | Stage::Login)) {
        return None;
    }
    // A Vault that failed, or was not reached, refused no token. Plugins up to 0.14 refuse some with 500.
    let refused = observed.says_of == SaysOf::Page
        && (observed.stage == Some(Stage::Token)
            || observed.status.is_some_and(|status| (400..=500).contains(&status)));
    let counts = |instead: Instead| instead == Instead::PastTheProxy || refused;
    let mut each = app.other_ways.iter().zip(&sighted.ways);
    let (other, _) = each.find(|(like, probed)| probed.let_in() && counts(like.instead))?;
    let like = app.like.as_ref()?;
    let pod = &like.pod;
    Some(match other.instead {
        Instead::PastTheProxy => format!(
            "pod {pod} has variables for a proxy, by which Vault does not let it in, and without them it does. Java takes no \
             such variables unless it is told to: if the app takes none, name --not-from-app proxy"
        ),
        Instead::AnotherToken | Instead::Nothing => format!(
            "pod {pod} has more than one token: Vault refuses the one at {} and lets in the one at {}. Say which the app \
             takes, with --token-file",
            like.token_file, other.token_file
        ),
    })
}
