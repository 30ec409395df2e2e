//! What ends, and whether soon: one limit for all of it (`--ends-within`).

use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::vault::certificate::not_after;

/// How far an end is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is over.
    Over,
    /// It ends within the limit.
    Soon,
    /// It lasts longer.
    Later,
}

/// How far `at` is away from `now` (Unix time in seconds).
pub(super) fn of(at: Timestamp, now: i64, within: Duration) -> End {
    let left = at.as_second().saturating_sub(now);
    match i64::try_from(within.as_secs()) {
        _ if left <= 0 => End::Over,
        Ok(within) if left > within => End::Later,
        _ => End::Soon,
    }
}

/// When the first of the certificates in a PEM text ends; none where it has none that can be read.
pub(super) fn first_of(pem: &str) -> Option<Timestamp> {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes());
    certificates.flatten().filter_map(|certificate| not_after(&certificate)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_soon_and_the_end_itself_is_over() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
        let within = Duration::from_secs(30);
        let ends = [999, 1000, 1001, 1030, 1031].map(|seconds| of(at(seconds), 1000, within));
        assert_eq!(ends, [End::Over, End::Over, End::Soon, End::Soon, End::Later]);
        assert_eq!(of(at(i64::from(u32::MAX)), 0, Duration::MAX), End::Soon);
    }

    #[test]
    fn of_several_certificates_the_first_end_counts() {
        let made = |year| {
            let mut parameters = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap_or_default();
            parameters.not_after = rcgen::date_time_ymd(year, 1, 2);
            let key = rcgen::KeyPair::generate().unwrap_or_else(|error| panic!("{error}"));
            parameters.self_signed(&key).map(|certificate| certificate.pem()).unwrap_or_default()
        };
        let pem = [made(2050), made(2040)].join("\n");
        assert_eq!(first_of(&pem).map(|time| time.to_string()).as_deref(), Some("2040-01-02T00:00:00Z"));
        assert_eq!(first_of("no certificate"), None);
    }
}
