//! Where the way ended, and why.

use std::collections::BTreeSet;

use super::capabilities;
use super::question::{Question, whereabouts};
use super::result::Observed;
use super::sighting::{Seen, Sighting};
use crate::page::Page;
use crate::page::cause::{CauseCatalogue, CauseId, Clues, Fact, Facts, Left, SaysOf};
use crate::page::stage::Stage;
use crate::probe::asking::is_there;
use crate::probe::observation::{Answer, Asked, Boundary, KeyState, Login, Observation, Secret, TokenState};
use crate::vault::client::{REDIRECTS, fails};
use crate::vault::objects::odd_policy_name;
use crate::vault::transport::{Handshake, Transport};

/// Vault gives up on an API server that does not answer after ten seconds at
/// the earliest (TLS handshake), else after thirty.
const LONG_LOGIN: u64 = 9_000;

/// All that Vault says to the client where it does not say why.
const BARE: &str = "permission denied";

/// Where the way ended. Which keys end it at stage `keys` is for the question to say.
#[must_use]
pub fn of(sighting: &Sighting, page: &Page, causes: &CauseCatalogue, question: &Question<'_>) -> Observed {
    match &sighting.seen {
        Seen::Nothing(reason) => Observed { text: reason.clone(), ..Observed::default() },
        Seen::NotAdmitted(message) => Stop::new(Stage::Pod).server(message).into_observed(sighting, causes),
        Seen::Observed(observation) => match stop(observation, sighting, page, question) {
            Ok(Some(stop)) => stop.into_observed(sighting, causes),
            Ok(None) => Observed { complete: true, ..Observed::default() },
            Err(reason) => Observed { text: reason, ..Observed::default() },
        },
    }
}

/// A stop with its clues.
struct Stop<'a> {
    stage: Stage,
    status: Option<u16>,
    text: String,
    server: Option<&'a str>,
    facts: Facts,
}

impl<'a> Stop<'a> {
    fn new(stage: Stage) -> Self {
        Self { stage, status: None, text: String::new(), server: None, facts: Facts::default() }
    }

    fn server(mut self, message: &'a str) -> Self {
        self.server = Some(message);
        message.clone_into(&mut self.text);
        self
    }

    fn answer(mut self, answer: &Answer) -> Self {
        self.status = answer.status;
        self.text.clone_from(&answer.text);
        let broken = answer.transport.map(|transport| match transport {
            Transport::Refused => Fact::VaultRefused,
            Transport::Timeout => Fact::VaultTimeout,
            Transport::NameNotFound => Fact::VaultNameNotFound,
            Transport::Tls(Handshake::Authority) => Fact::VaultAuthorityUnknown,
            Transport::Tls(Handshake::Expired) => Fact::VaultCertificateExpired,
            Transport::Tls(Handshake::Name) => Fact::VaultCertificateName,
            Transport::Tls(Handshake::NoTls) => Fact::VaultWithoutTls,
            Transport::Tls(Handshake::ClientCertificate) => Fact::ClientCertificateWanted,
            Transport::Tls(Handshake::Other) => Fact::VaultTlsFailed,
            Transport::Garbled => Fact::NotVault,
            Transport::Other => Fact::VaultFailing,
        });
        if let Some(fact) = broken {
            self.facts.see(fact);
        }
        let by_status = |holds: fn(u16) -> bool| answer.status.is_some_and(holds);
        let elsewhere = by_status(|s| (300..400).contains(&s)) && answer.text.starts_with(REDIRECTS);
        self.fact(Fact::VaultFailing, by_status(fails))
            .fact(Fact::Redirected, elsewhere)
            .fact(Fact::NotVault, !elsewhere && by_status(|s| (300..400).contains(&s)))
    }

    fn fact(mut self, fact: Fact, holds: bool) -> Self {
        if holds {
            self.facts.see(fact);
        }
        self
    }

    fn into_observed(self, sighting: &Sighting, causes: &CauseCatalogue) -> Observed {
        // What the harness found out belongs to the stages at which a server
        // decides; the probe's own finds belong to theirs.
        let mut facts = self.facts;
        if matches!(self.stage, Stage::Login | Stage::Read) {
            facts.extend(&sighting.facts);
        }
        let clues =
            Clues { stage: self.stage, status: self.status, client: &self.text, log: self.server, facts: &facts };
        let left = match &sighting.ruled_out {
            None => Left { causes: causes.identify(&clues).into_iter().collect(), unexplained: false },
            // What was concluded rules out reasons for a bare refusal, and none that Vault gives.
            Some(ruled_out) if self.text == BARE => causes.left(&clues, ruled_out),
            Some(_) => causes.left(&clues, &BTreeSet::new()),
        };
        let mut candidates: Vec<CauseId> = left.causes.into_iter().map(|cause| cause.id.clone()).collect();
        // Whichever of them it is: where none of them refused anything, nothing was refused.
        let nothing_refused = |id| causes.says_of(id) == SaysOf::NoAnswer;
        let no_answer = !candidates.is_empty() && candidates.iter().all(nothing_refused);
        let of_all = if no_answer { SaysOf::NoAnswer } else { SaysOf::Page };
        let cause = if candidates.len() == 1 && !left.unexplained { candidates.pop() } else { None };
        Observed {
            stage: Some(self.stage),
            says_of: cause.as_ref().map(|cause| causes.says_of(cause)).unwrap_or(of_all),
            cause,
            status: self.status,
            server: self.server.map(str::to_owned),
            unexplained: left.unexplained,
            text: self.text,
            complete: true,
            candidates,
            tell_apart: Vec::new(),
        }
    }
}

/// The first stage that the way did not pass; none where it passed all.
fn stop<'a>(
    observation: &Observation,
    sighting: &'a Sighting,
    page: &Page,
    question: &Question<'_>,
) -> Result<Option<Stop<'a>>, String> {
    match observation.token {
        TokenState::Present => {}
        state => {
            return Ok(Some(
                Stop::new(Stage::Token)
                    .fact(Fact::TokenAbsent, state == TokenState::Absent)
                    .fact(Fact::TokenUnreadable, state == TokenState::Unreadable),
            ));
        }
    }
    let asked = observation.asked.as_ref();
    let login = observation.login.as_ref().ok_or("the probe had a token and reports no login")?;
    if login.answer.status != Some(200) {
        let bare = login.answer.text == BARE;
        let nothing_mounted = bare && login.empty_login_status == Some(403) && !login.another_method;
        let mut stop = Stop::new(Stage::Login)
            .answer(&login.answer)
            .fact(Fact::AuthMountMissing, nothing_mounted)
            .fact(Fact::OtherAuthMethod, login.another_method)
            .fact(Fact::SelectorFailed, login.answer.text.contains("namespace not authorized err="))
            .fact(Fact::LoginTookLong, asked.and_then(|asked| asked.login_millis).is_some_and(|ms| ms >= LONG_LOGIN))
            .fact(Fact::NotInitialized, asked.and_then(|asked| asked.initialized) == Some(false));
        // What Vault explains to the client it does not log, and where nothing is mounted nothing logs: then the line is
        // that of another refusal.
        stop.server = sighting.vault_log.as_deref().filter(|_| bare && !nothing_mounted);
        return Ok(Some(stop));
    }
    if question.only == Some(Stage::Login) {
        return Ok(None);
    }
    let read = observation.read.as_ref().ok_or("the probe reports no read")?;
    if !observation.read_with_token {
        return Err("the probe logged in, and read without its Vault token".to_owned());
    }
    let secret = observation.secret.as_ref();
    let version_2 = secret.is_some_and(|secret| secret.version_2_shape);
    if read.status != Some(200) || !version_2 {
        let engine = asked.and_then(|asked| asked.engine.as_deref());
        let mut stop = Stop::new(Stage::Read).answer(read);
        stop.facts
            .note(Fact::ReadGranted, asked.and_then(|asked| capabilities::may_read(asked, &observation.read_path)));
        // Of one that says more it is seen that it is not so; of another it may be.
        stop.facts.note(Fact::OpenBaoDeniesToken, (read.text != "permission denied").then_some(false));
        return Ok(Some(
            stop.fact(Fact::OtherEngine, engine.is_some_and(|engine| !matches!(engine, "kv" | "generic")))
                .fact(Fact::NoPolicy, login.policies == ["default"])
                .fact(Fact::PolicyNameOdd, login.policies.iter().any(|name| odd_policy_name(name)))
                .fact(Fact::NotVersion2Shape, read.status == Some(200) && !version_2)
                .fact(Fact::SecretDeleted, secret.is_some_and(|secret| secret.deleted && !secret.destroyed))
                .fact(Fact::VersionDestroyed, secret.is_some_and(|secret| secret.destroyed))
                .fact(Fact::TrailingSlash, observation.read_path.ends_with('/'))
                .fact(Fact::SecretNameCopied, asked.is_some_and(|asked| asked.meant.is_some()))
                .fact(Fact::KvVersion1, asked.is_some_and(|asked| asked.kv_version == Some(1)))
                .fact(Fact::SecretAtDataData, asked.is_some_and(|asked| is_there(asked.at_data_data.as_ref()))),
        ));
    }
    let secret = secret.ok_or("the probe read the secret and does not say what is in it")?;
    if let Some(stop) = at_keys(secret, sighting, page, question) {
        return Ok(Some(stop));
    }
    if question.only == Some(Stage::Keys) {
        return Ok(None);
    }
    if let Some(asked) = asked {
        return Ok(asked_boundary(asked, &observation.read_path));
    }
    let boundary = observation.boundary.as_ref().ok_or("the probe does not say what the Vault token can do")?;
    at_boundary(boundary, login, question.lease)
}

/// The gravest thing wrong with the keys.
fn at_keys<'a>(secret: &Secret, sighting: &Sighting, page: &Page, question: &Question<'_>) -> Option<Stop<'a>> {
    let wrong_value =
        |name: &str, hmac: Option<&String>| sighting.fingerprints.get(name).is_some_and(|right| Some(right) != hmac);
    let nothing = question.reads_nothing(&secret.keys);
    let all_missing = nothing && secret.keys.iter().all(|key| key.state == KeyState::Missing);
    let mut worst: Option<(u8, Fact, Vec<&str>)> = None;
    for key in &secret.keys {
        let (rank, fact) = match key.state {
            KeyState::Present if wrong_value(&key.name, key.hmac.as_ref()) => (6, Fact::KeyWrongValue),
            state if !nothing && question.passes(&key.name, state) => continue,
            KeyState::NotAString => (5, Fact::KeyNotAString),
            KeyState::Empty => (4, Fact::KeyEmpty),
            _ if all_missing => (3, Fact::NoKey),
            _ if key.near.is_some() => (3, Fact::KeyMisplaced),
            _ if page.former(&key.name, &secret.of_others).is_some() => (2, Fact::KeyRenamed),
            KeyState::Missing | KeyState::Present => (1, Fact::KeyMissing),
        };
        match &mut worst {
            Some((most, _, names)) if *most == rank => names.push(&key.name),
            Some((most, _, _)) if *most > rank => {}
            _ => worst = Some((rank, fact, vec![&key.name])),
        }
    }
    let (_, fact, names) = worst?;
    let mut stop = Stop::new(Stage::Keys).fact(fact, true);
    stop.status = Some(200);
    stop.text = match names.as_slice() {
        _ if all_missing => whereabouts(&secret.keys),
        [name] => format!("key {name}"),
        [first, ..] => format!("{} keys, {first} the first", names.len()),
        [] => String::new(),
    };
    Some(stop)
}

/// What the Vault token may do and must not, as `sys/capabilities-self` says.
/// Where that says nothing, each check says so; the way was gone all the same.
fn asked_boundary<'a>(asked: &Asked, read_path: &str) -> Option<Stop<'a>> {
    let (fact, what) = capabilities::excess(asked, read_path).into_iter().next()?;
    let mut stop = Stop::new(Stage::Boundary).fact(fact, true);
    stop.text = what;
    Some(stop)
}

/// What the Vault token can do and must not.
fn at_boundary<'a>(boundary: &Boundary, login: &Login, lease: u64) -> Result<Option<Stop<'a>>, String> {
    // A Vault that fails did not allow anything.
    let usable = |answer: &Answer| match answer.status {
        Some(status) if fails(status) || (300..400).contains(&status) => {
            Err(format!("no usable answer at stage boundary: HTTP {status} {}", answer.text))
        }
        Some(status) => Ok(status),
        None => Err(format!("no answer at stage boundary: {}", answer.text)),
    };
    let refused = |answer: &Answer| usable(answer).map(|status| matches!(status, 403 | 405));
    usable(&boundary.revoke)?;
    let (revoked, dead) = (capabilities::revoked(&boundary.revoke), refused(&boundary.after_revocation)?);
    let checks = [
        (Fact::ListAllowed, &boundary.list, refused(&boundary.list)?),
        (Fact::WriteAllowed, &boundary.write, refused(&boundary.write)?),
        (Fact::DeleteAllowed, &boundary.delete, refused(&boundary.delete)?),
        (Fact::SiblingAllowed, &boundary.sibling, refused(&boundary.sibling)?),
        (Fact::TokenSurvivesRevocation, &boundary.after_revocation, revoked && dead),
    ];
    for (fact, answer, holds) in checks {
        if !holds {
            return Ok(Some(Stop::new(Stage::Boundary).answer(answer).fact(fact, true)));
        }
    }
    if login.lease_duration == Some(lease) {
        return Ok(None);
    }
    let mut stop = Stop::new(Stage::Boundary).fact(Fact::LeaseNotTtl, true);
    stop.text = format!("lease_duration {:?} s, the role's ttl is {lease} s", login.lease_duration);
    Ok(Some(stop))
}
