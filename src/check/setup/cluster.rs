//! The custom resources, the app's pod and account, and the token reviewer.

use super::way::Way;
use crate::check::app::Source;
use crate::check::case::{check, ending, warning};
use crate::check::ends::{self, End};
use crate::check::inspect::Inspection;
use crate::check::likeness::Token;
use crate::check::sighted::Sighted;
use crate::check::target::Target;
use crate::page::Stage;
use crate::page::cause::{CauseId, ids};
use crate::verdict::Verdict;
use crate::verdict::result::Case;

fn noted(sighted: &Sighted, id: &str, cause: CauseId) -> Option<Case> {
    let texts: Vec<&str> =
        sighted.app.notes.iter().filter(|(known, _)| *known == cause).map(|(_, text)| text.as_str()).collect();
    (!texts.is_empty()).then(|| warning(id, cause, texts.join("; ")))
}

pub(super) fn custom_resources(sighted: &Sighted) -> Case {
    let id = "custom-resources";
    noted(sighted, id, ids::token::OPERATOR_AUTOMOUNT_OFF).unwrap_or_else(|| check(id, Verdict::Conformant, ""))
}

pub(super) fn app_pod(sighted: &Sighted) -> Case {
    let id = "app-pod";
    let account = &sighted.app.service_account;
    noted(sighted, id, ids::pod::NOT_AS_RUNTIME).unwrap_or_else(|| match &sighted.app.source {
        Source::Pod(name) => check(id, Verdict::Conformant, format!("pod {name} runs as {account}")),
        Source::WaitingPod(name) => {
            check(id, Verdict::Conformant, format!("pod {name} does not run yet, and is to run as {account}"))
        }
        Source::Runtime => check(id, Verdict::Skipped, format!("the app has no pod; the Runtime says {account}")),
        Source::Flag => check(id, Verdict::Skipped, format!("--service-account names {account}")),
    })
}

pub(super) fn service_account(sighted: &Sighted, way: Way<'_>) -> Case {
    let id = "service-account";
    match sighted.app.service_account.as_str() {
        "default" if way.works(Stage::Login) => warning(
            id,
            ids::login::DEFAULT_BOUND,
            "the app runs as `default`, and the role binds it: every pod of the namespace with a mounted token reads all credentials",
        ),
        _ => check(id, Verdict::Conformant, ""),
    }
}

/// Whom the customer says to be the reviewer: Vault may have another's token, or none.
pub(super) fn reviewer(target: &Target, inspection: &Inspection, way: Way<'_>) -> Case {
    let id = "reviewer";
    let Some(account) = &target.reviewer else {
        return check(id, Verdict::Skipped, "no --reviewer is named; Vault never gives back whose token it has");
    };
    let name = format!("{}/{}", account.namespace, account.name);
    let differs = |cause, text: String| way.differs(id, Stage::Login, cause, text);
    match (inspection.cluster.reviewer_there, inspection.cluster.reviewer_may) {
        (Some(false), _) => differs(ids::login::REVIEWER_UNAUTHORIZED, format!("Service Account {name} is not there")),
        (_, Some(false)) => differs(ids::login::REVIEWER_MAY_NOT_REVIEW, format!("{name} may not create TokenReviews")),
        (Some(true), Some(true)) => {
            check(id, Verdict::Conformant, format!("{name} is there{} and may review tokens", since(inspection)))
        }
        (Some(true), None) => check(
            id,
            Verdict::Conformant,
            format!("{name} is there{}; --diagnose-reviewer asks whether it may review tokens", since(inspection)),
        ),
        (None, _) => check(id, Verdict::Inconclusive, format!("the API server does not say whether {name} is there")),
    }
}

/// Since when: a token from before is of an account that is gone, and refused.
fn since(inspection: &Inspection) -> String {
    inspection.cluster.reviewer.as_ref().map_or(String::new(), |account| format!(" since {}", account.made))
}

/// Whether the next pod of the same template will have a token as the running one has, which the Service Account's own
/// automount may decide.
pub(super) fn next_pod(sighted: &Sighted) -> Case {
    let id = "next-pod";
    let Some(like) = &sighted.app.like else { return check(id, Verdict::Skipped, "the app has no pod") };
    if sighted.app.source == Source::Flag {
        return check(id, Verdict::Skipped, "the account is that of --service-account, not a pod's");
    }
    let has = match like.token {
        Token::Mounted { .. } => true,
        Token::None => false,
        _ => return check(id, Verdict::Conformant, "its token comes by a volume of its own"),
    };
    let account = sighted.inspection.cluster.account.as_ref();
    let Some(will) = like.field.or_else(|| Some(account?.automount.unwrap_or(true))) else {
        return check(id, Verdict::Skipped, "the Service Account's automount is not known");
    };
    let (now, then) = if has { ("has a token", "will have none") } else { ("has no token", "will have one") };
    match has == will {
        true => check(id, Verdict::Conformant, ""),
        false => warning(
            id,
            ids::token::NEXT_POD_DIFFERS,
            format!(
                "pod {} {now}, and the next pod {then}: automount of Service Account {} was changed since",
                like.pod, like.service_account
            ),
        ),
    }
}

/// When the reviewer's token ends, and of which account it is, by what it says of itself. Which token Vault holds it does
/// not tell.
pub(super) fn reviewer_token(target: &Target, inspection: &Inspection, way: Way<'_>, now: i64) -> Case {
    let id = "reviewer-token";
    let Some(token) = &target.reviewer_token else {
        return check(id, Verdict::Skipped, "no --reviewer-token-file is named");
    };
    let whose = format!("the token of {}/{}", token.namespace, token.account);
    let issuer = token.issuer.as_deref().map_or(String::new(), |issuer| format!("; its issuer is {issuer}"));
    let audiences = match token.audiences.as_slice() {
        [] => String::new(),
        audiences => format!("; it is for {}", audiences.join(", ")),
    };
    let about = format!("{issuer}{audiences}");
    if let (Some(uid), Some(account)) = (&token.uid, &inspection.cluster.reviewer)
        && *uid != account.uid
    {
        let text =
            format!("{whose} is of an account that is gone: the one of today was made at {}{about}", account.made);
        return way.differs(id, Stage::Login, ids::login::REVIEWER_UNAUTHORIZED, text);
    }
    let Some(at) = token.ends else { return check(id, Verdict::Conformant, format!("{whose} has no end{about}")) };
    let case = match ends::of(at, now, target.ends_within) {
        End::Over => {
            way.differs(id, Stage::Login, ids::login::REVIEWER_UNAUTHORIZED, format!("{whose} ended at {at}{about}"))
        }
        End::Soon => warning(id, ids::login::REVIEWER_TOKEN_ENDS, format!("{whose} ends at {at}{about}")),
        End::Later => check(id, Verdict::Conformant, format!("{whose} ends at {at}{about}")),
    };
    ending(at, case)
}
