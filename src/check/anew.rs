//! Whether a running pod still has a token of a Service Account that is gone: one of the same name was made since.
//!
//! A token is of one account, known by its UID, and TokenReview refuses it for another of the same name. The kubelet
//! brings the pod a newer token when four fifths of the old one's time are over, or a day (Kubernetes'
//! `pkg/kubelet/token`), and that one is of the account of today. Until then the pod's logins are refused, where every
//! new pod's are let in. Neither the pod's token nor its UID can be read; the times of the pod and of the account can.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::check::likeness::Token;

/// The kubelet looks at a pod's volumes about once a minute, and a little later each time.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// The kubelet may be so much too early.
const EARLY: SignedDuration = SignedDuration::from_secs(30);

/// A pod's volumes are there within this time, as a rule.
const MOUNTS_TAKE: SignedDuration = SignedDuration::from_mins(1);

/// When a pod was given its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// It had its first token by then.
    pub first: Timestamp,
    /// The last of its containers was started then; none where none runs.
    pub container: Option<Timestamp>,
}

impl Started {
    /// As the pod's status says; none where it says nothing.
    #[must_use]
    pub fn of(pod: &Pod) -> Option<Self> {
        let status = pod.status.as_ref()?;
        let all = || {
            let some =
                [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
            some.into_iter().flatten().flatten()
        };
        let since = |it: &ContainerStatus| {
            let state = it.state.as_ref()?;
            let running = state.running.as_ref().and_then(|state| state.started_at.as_ref());
            running.or(state.terminated.as_ref().and_then(|state| state.started_at.as_ref())).map(|time| time.0)
        };
        let at_once = all().filter(|it| it.restart_count == 0).filter_map(since).min();
        let first = at_once
            .or_else(|| status.start_time.as_ref().map(|time| time.0.saturating_add(MOUNTS_TAKE).unwrap_or(time.0)))?;
        Some(Self { first, container: status.container_statuses.iter().flatten().filter_map(since).max() })
    }
}

/// What is known of a running pod's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It is of the account that is there.
    OfToday,
    /// The kubelet has brought a newer one since.
    Renewed,
    /// It is of the account that is gone.
    OfTheOld {
        /// The kubelet brings a newer one by then; none where it never does.
        until: Option<Timestamp>,
    },
    /// It is one or the other.
    Unclear {
        /// The kubelet brings a newer one by then; none where that cannot be told.
        until: Option<Timestamp>,
    },
    /// It has ended, and none comes after it.
    Ended {
        /// When.
        at: Timestamp,
    },
    /// It ends then, and none comes after it.
    Ends {
        /// When.
        at: Timestamp,
    },
}

/// What follows from the times, in UTC, of a pod with such a token and of the account of its name.
#[must_use]
pub fn known(token: &Token, started: Started, account_made: Timestamp, now: Timestamp) -> Known {
    let plus = |time: Timestamp, span: SignedDuration| time.checked_add(span).unwrap_or(Timestamp::MAX);
    match token {
        Token::Own { sub_path: true, seconds, .. } => {
            let given = started.container.unwrap_or(started.first);
            let at = plus(given, SignedDuration::from_secs(*seconds));
            match (account_made > given, now > at) {
                (_, true) => Known::Ended { at },
                (true, false) => Known::OfTheOld { until: None },
                (false, false) => Known::Ends { at },
            }
        }
        _ if account_made <= started.first => Known::OfToday,
        Token::Mounted { seconds } | Token::Own { seconds, .. } => {
            let kept = SignedDuration::from_secs((seconds.saturating_mul(4) / 5).min(24 * 3600));
            let until = plus(plus(account_made, kept), LATE);
            if now > until {
                Known::Renewed
            } else if plus(now, EARLY) < plus(started.first, kept) {
                Known::OfTheOld { until: Some(plus(plus(started.first, kept), LATE)) }
            } else {
                Known::Unclear { until: Some(until) }
            }
        }
        Token::OfSecret => Known::Unclear { until: None },
        Token::Foreign(_) | Token::None | Token::NotTold => Known::OfToday,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const MOUNTED: Token = Token::Mounted { seconds: 3607 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn own(sub_path: bool) -> Token {
        Token::Own { audience: None, seconds: 600, sub_path }
    }

    #[rstest]
    #[case::the_account_is_older(MOUNTED, -5, 10, Known::OfToday)]
    #[case::made_in_the_same_second(MOUNTED, 0, 10, Known::OfToday)]
    #[case::made_anew_a_moment_ago(MOUNTED, 5, 10, Known::OfTheOld { until: Some(at(2885 + 300)) })]
    #[case::nearly_renewed(MOUNTED, 5, 2870, Known::Unclear { until: Some(at(5 + 2885 + 300)) })]
    #[case::renewed_by_now(MOUNTED, 5, 3300, Known::Renewed)]
    #[case::of_a_pod_that_was_renewed_before(MOUNTED, 50_000, 50_100, Known::Unclear { until: Some(at(50_000 + 2885 + 300)) })]
    #[case::a_shorter_one_of_its_own(own(false), 5, 800, Known::Renewed)]
    #[case::never_renewed_and_fresh(own(true), -5, 100, Known::Ends { at: at(600) })]
    #[case::never_renewed_and_over(own(true), -5, 700, Known::Ended { at: at(600) })]
    #[case::never_renewed_and_of_the_old(own(true), 5, 100, Known::OfTheOld { until: None })]
    #[case::of_a_secret(Token::OfSecret, 5, 100, Known::Unclear { until: None })]
    #[case::of_a_secret_and_an_older_account(Token::OfSecret, -5, 100, Known::OfToday)]
    #[case::no_token(Token::None, 5, 100, Known::OfToday)]
    fn what_the_times_say(#[case] token: Token, #[case] made: i64, #[case] now: i64, #[case] follows: Known) {
        let started = Started { first: at(0), container: Some(at(0)) };
        assert_eq!(known(&token, started, at(made), at(now)), follows);
    }

    proptest! {
        #[test]
        fn a_pod_is_never_accused_whose_token_is_of_today_or_was_renewed(
            seconds in 600i64..100_000, made in -100_000i64..100_000, age in 0i64..400_000,
        ) {
            let started = Started { first: at(0), container: Some(at(0)) };
            let kept = (seconds * 4 / 5).min(24 * 3600);
            let token = Token::Own { audience: None, seconds, sub_path: false };
            let found = known(&token, started, at(made), at(age));
            if matches!(found, Known::OfTheOld { .. }) {
                prop_assert!(made > 0 && age < kept);
            }
            if made > 0 && age < kept && age - made < kept {
                prop_assert!(!matches!(found, Known::OfToday | Known::Renewed));
            }
        }
    }

    fn pod(restarts: i32) -> Pod {
        serde_json::from_value(json!({ "status": { "startTime": "2027-01-01T00:00:00Z", "containerStatuses": [{
            "name": "mendix", "image": "", "imageID": "", "ready": true, "restartCount": restarts,
            "state": { "running": { "startedAt": "2027-01-01T05:00:00Z" } } }] } }))
        .unwrap()
    }

    #[test]
    fn a_container_that_never_restarted_tells_when_the_first_token_was_there_else_the_pod_does() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let started = |restarts| Started::of(&pod(restarts)).unwrap();
        assert_eq!(started(0).first, time("2027-01-01T05:00:00Z"));
        assert_eq!(started(3).first, time("2027-01-01T00:01:00Z"));
        assert_eq!(started(3).container, Some(time("2027-01-01T05:00:00Z")));
        assert_eq!(Started::of(&Pod::default()), None);
    }
}
