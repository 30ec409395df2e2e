//! No artefact holds a secret, and a secret that was about to get out is counted.

use std::io::Write;

use pmp_vault_conformance::event::Exit;
use pmp_vault_conformance::redact::Redactor;
use pmp_vault_conformance::report::{self, detail::Detail};
use pmp_vault_conformance::verdict::{Deny, Verdict};
use rstest::rstest;
use secrecy::SecretString;

use crate::support::report as support;

const CANARY: &str = "c4n&ry\"<\\'>0123456789";

fn knowing(secret: &str) -> Redactor {
    let redactor = Redactor::new();
    redactor.add(&SecretString::from(secret));
    redactor
}

fn jwt() -> String {
    format!("eyJ{}.eyJ{}.{}", "a".repeat(30), "b".repeat(40), "c".repeat(60))
}

#[test]
fn a_known_secret_is_replaced_wherever_it_stands() {
    let redactor = knowing(CANARY);
    assert_eq!(redactor.clean(&format!("a {CANARY} b{CANARY}")), "a [redacted] b[redacted]");
    assert_eq!(redactor.replacements(), 2);
}

#[test]
fn a_known_secret_is_found_in_every_form_in_which_reports_write_it() {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    for prefix in ["", "x", "xy", "xyz"] {
        let redactor = knowing(CANARY);
        let text = format!("{prefix}{CANARY}tail");
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(redactor.clean(&json), format!("\"{prefix}[redacted]tail\""));
        let xml = quick_xml::escape::escape(&text);
        assert_eq!(redactor.clean(&xml), format!("{prefix}[redacted]tail"));
        let partial = quick_xml::escape::partial_escape(&text);
        assert_eq!(redactor.clean(&partial), format!("{prefix}[redacted]tail"));
        let debug = format!("{text:?}");
        assert_eq!(redactor.clean(&debug), format!("\"{prefix}[redacted]tail\""));
        let encoded = base64.encode(&text);
        assert!(redactor.clean(&encoded).contains("[redacted]"), "{prefix}: {encoded}");
        let url = base64::engine::general_purpose::URL_SAFE.encode(&text);
        assert!(redactor.clean(&url).contains("[redacted]"), "{prefix}: {url}");
        assert_eq!(redactor.replacements(), 6);
    }
}

#[rstest]
#[case::service("hvs.", 20)]
#[case::batch("hvb.", 95)]
#[case::recovery("hvr.", 24)]
#[case::cut_jwt("eyJ", 20)]
fn a_text_of_a_tokens_shape_is_replaced_although_nobody_made_it_known(#[case] prefix: &str, #[case] length: usize) {
    let redactor = Redactor::new();
    let token = format!("{prefix}{}", "Aa0_-".repeat(20).split_at(length).0);
    assert_eq!(redactor.clean(&format!("token={token}, line\\n{token}")), "token=[redacted], line\\n[redacted]");
    assert_eq!(redactor.replacements(), 2);
}

#[test]
fn a_jwt_is_replaced_as_a_whole_also_once_more_in_base64() {
    use base64::Engine as _;
    let redactor = Redactor::new();
    assert_eq!(redactor.clean(&format!("bearer {}!", jwt())), "bearer [redacted]!");
    assert_eq!(redactor.clean("short eyJh.eyJz.c2ln"), "short [redacted]");
    let twice = base64::engine::general_purpose::STANDARD.encode(jwt());
    assert_eq!(redactor.clean(&format!("token: {twice}\n")), "token: [redacted]\n");
}

#[rstest]
#[case::version("vault 1.21.0")]
#[case::short("hvs.short")]
#[case::word("eyJ is how a JWT starts")]
#[case::digest("sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5")]
#[case::already("[redacted]")]
fn a_text_without_secrets_stays_as_it_is(#[case] text: &str) {
    let redactor = knowing("some-canary-value");
    assert!(matches!(redactor.clean(text), std::borrow::Cow::Borrowed(_)));
    assert_eq!(redactor.replacements(), 0);
}

#[test]
fn a_secret_too_short_to_be_told_from_words_is_ignored() {
    assert_eq!(knowing("admin").clean("the admin panel"), "the admin panel");
}

#[test]
fn one_secret_inside_another_is_replaced_with_it() {
    let redactor = knowing("abcdefgh");
    redactor.add(&SecretString::from("xx-abcdefgh-yy"));
    assert_eq!(redactor.clean("xx-abcdefgh-yy abcdefghi"), "[redacted] [redacted]i");
}

#[test]
fn clones_share_what_is_known_and_what_was_counted() {
    let redactor = Redactor::new();
    let clone = redactor.clone();
    redactor.add(&SecretString::from(CANARY));
    assert_eq!(clone.clean(CANARY), "[redacted]");
    assert_eq!(redactor.replacements(), 1);
    assert!(!format!("{redactor:?}").contains("c4n"));
}

#[test]
fn two_thousand_secrets_are_found_in_a_report_of_a_megabyte() {
    let redactor = Redactor::new();
    let secrets: Vec<String> = (0..2000).map(|n| format!("canary-{:032x}", n * 7919)).collect();
    let filler = "what Vault said of a scenario, at some length; ".repeat(10);
    let text: String = secrets.iter().map(|secret| format!("{filler}{secret}\n")).collect();
    for secret in &secrets {
        redactor.add(&SecretString::from(secret.as_str()));
    }
    let clean = redactor.clean(&text);
    assert_eq!(redactor.replacements(), 2000);
    assert!(!clean.contains("canary-"));
}

#[test]
fn a_writer_finds_a_secret_that_comes_in_pieces() {
    let redactor = knowing(CANARY);
    let mut out = Vec::new();
    let mut writer = redactor.writer(&mut out);
    for piece in [&CANARY[..5], &CANARY[5..], " end\nnext ", &CANARY[..9]] {
        writer.write_all(piece.as_bytes()).unwrap();
        writer.flush().unwrap();
    }
    writer.write_all(&CANARY.as_bytes()[9..]).unwrap();
    drop(writer);
    assert_eq!(String::from_utf8(out).unwrap(), "[redacted] end\nnext [redacted]");
}

#[test]
fn a_secret_in_a_result_is_in_no_report_and_makes_the_run_inconclusive() {
    let mut result = support::run_of(&[Verdict::Conformant, Verdict::Conformant]);
    let redactor = knowing(CANARY);
    assert_eq!(
        report::render(&result, &support::no_causes(), &redactor, Deny::Nothing, Detail::Key).unwrap().exit,
        Exit::Passed
    );

    result.scenarios[0].observed.text = format!("body: {CANARY}");
    result.scenarios[1].cases[0].message = format!("token {}", jwt());
    // An escape sequence in the middle hides a token until it is removed.
    result.problems.push(format!("{}\u{1b}[0m{}", &CANARY[..6], &CANARY[6..]));
    let rendered = report::render(&result, &support::no_causes(), &redactor, Deny::Nothing, Detail::Key).unwrap();
    assert_eq!(rendered.exit, Exit::Inconclusive);
    for report in [&rendered.json, &rendered.junit] {
        assert!(report.contains("[redacted]"));
        for secret in [CANARY, &quick_xml::escape::escape(CANARY), "eyJa", "0123456789"] {
            assert!(!report.contains(secret), "{secret}");
        }
    }
    assert!(rendered.junit.contains("errors=\"1\""), "dashboards see it too");
    serde_json::from_str::<serde_json::Value>(&rendered.json).unwrap();
}
