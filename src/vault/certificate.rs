//! When a certificate ends (RFC 5280, 4.1). Nothing else of one is read, so this
//! walks its DER up to there.

use jiff::Timestamp;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` of a certificate in DER; none where it is none.
#[must_use]
pub fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = read(der, SEQUENCE)?;
    let (mut rest, _) = read(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        (_, rest) = read(rest, VERSION)?;
    }
    // Serial number, algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, rest) = read(rest, tag)?;
    }
    let (validity, _) = read(rest, SEQUENCE)?;
    let tag = *validity.first()?;
    let (_, until) = read(validity, tag)?;
    let tag = *until.first()?;
    let (text, _) = read(until, tag)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let digits = match tag {
        // Two digits of the year, from 1950 on.
        UTC_TIME => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| digits.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

/// The content of the first element, which must have that tag, and what is behind it.
fn read(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // The long form: as many bytes of a length, the highest first.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair};
    use rstest::rstest;

    use super::*;

    fn certificate(year: i32) -> Vec<u8> {
        let mut parameters = CertificateParams::new(["vault.example".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 2, 28);
        parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[rstest]
    #[case::in_two_digits(2027)]
    #[case::of_the_last_century(1999)]
    #[case::in_four_digits(2077)]
    fn the_end_of_a_certificate_is_read(#[case] year: i32) {
        assert_eq!(not_after(&certificate(year)).unwrap().to_string(), format!("{year}-02-28T00:00:00Z"));
    }

    proptest! {
        #[test]
        fn whatever_bytes_come_nothing_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), at in 0..200usize) {
            let _ = not_after(&bytes);
            let mut harmed = certificate(2027);
            harmed.truncate(at);
            harmed.append(&mut bytes);
            let _ = not_after(&harmed);
        }
    }
}
