//! What runs in the pod: it does what the app does, from the app's own input,
//! and says what it saw on one line of its log.
//!
//! - [`input`]: the Secret Name URL, the key names, and what the page leaves open.
//! - [`way`]: from the first stage to the last.
//! - [`stages`]: token, login, read, keys.
//! - [`near`]: keys that are missing and not far; [`doubt`]: values that cannot be meant.
//! - `trust`: certificate authorities, mounted ones included.
//! - [`asking`]: the way on a customer's cluster, where nothing is tried.
//! - [`living`]: how an app lives on after its observation; own testbeds only.
//! - [`boundary`]: what the Vault token can do beside reading; own testbeds only.
//! - [`observation`]: the line that it prints.

pub mod asking;
pub mod boundary;
pub mod doubt;
pub mod input;
pub mod living;
pub mod near;
pub mod observation;
pub mod stages;
mod trust;
pub mod way;

use observation::{MARKER, Observation};

/// Observes once, prints the observation, and stays up, because the app is a
/// Deployment; SIGTERM ends it at once.
///
/// # Errors
/// The input is missing or malformed, or the observation cannot be written.
pub async fn run() -> Result<(), String> {
    let input = input::Input::from_environment()?;
    let observation = way::observe(&input).await?;
    say(&to_line(&observation)?)?;
    if !input.stay_up {
        return Ok(());
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|e| format!("cannot wait for SIGTERM: {e}"))?;
    let living = async {
        match &input.living {
            Some(living) => living::on(&input, *living, say).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        ended = living => ended,
    }
}

/// Prints one line.
fn say(line: &str) -> Result<(), String> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| format!("cannot write what was seen: {e}"))
}

/// The observation's line.
///
/// # Errors
/// The observation cannot be written as JSON.
pub fn to_line(observation: &Observation) -> Result<String, String> {
    let json = serde_json::to_string(observation).map_err(|e| e.to_string())?;
    Ok(format!("{MARKER} {json}"))
}

/// The observation in a pod's log: none where the probe has not printed it yet.
///
/// # Errors
/// There are two, or one that is cut off, malformed, of another shape, or of
/// another run or scenario. None of these is ever taken for an observation.
pub fn from_log(log: &str, run: &str, scenario: &str) -> Result<Option<Observation>, String> {
    let mut found: Option<Observation> = None;
    // Only whole lines count: the last one may still be on its way.
    for line in log.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let Some(json) = line.trim_end().strip_prefix(MARKER) else { continue };
        let malformed = |error: &dyn std::fmt::Display| format!("the probe's observation is malformed: {error}");
        let observation: Observation = serde_json::from_str(json.trim_start()).map_err(|e| malformed(&e))?;
        if observation.schema != observation::SCHEMA {
            return Err(format!(
                "the probe's observation has shape {}, this harness reads {}; use the probe image of this harness",
                observation.schema,
                observation::SCHEMA
            ));
        }
        if observation.run != run || observation.scenario != scenario {
            return Err(format!(
                "the probe's observation belongs to run {} and scenario {}",
                observation.run, observation.scenario
            ));
        }
        // A field that may be null is never left out, so one that is not there was cut out.
        let said: serde_json::Value = serde_json::from_str(json.trim_start()).map_err(|e| malformed(&e))?;
        if serde_json::to_value(&observation).ok() != Some(said) {
            return Err(malformed(&"a field is missing"));
        }
        if found.is_some() {
            return Err("the probe printed two observations".to_owned());
        }
        found = Some(observation);
    }
    Ok(found)
}
