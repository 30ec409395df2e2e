//! The flags of where metrics are pushed to, of `check` and of a Job that runs it.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::access::read;
use crate::redact::Redactor;
use crate::report::push::Gateway;

/// Where to.
#[derive(Debug, Clone, clap::Args)]
pub struct To {
    /// Push metrics to this Pushgateway, such as `http://pushgateway.example:9091`
    #[arg(long, value_name = "URL")]
    push_metrics: Option<String>,
}

/// How to be let in there, with a file of this machine.
#[derive(Debug, Clone, clap::Args)]
pub struct Access {
    /// The Authorization header for the Pushgateway is in this file, one line such as `Bearer` and a token
    #[arg(long, value_name = "FILE", requires = "push_metrics")]
    push_authorization_file: Option<PathBuf>,
}

impl To {
    /// The Pushgateway, where one is named. What it is asked with becomes known to the filter.
    ///
    /// # Errors
    /// What is missing or cannot be used.
    pub fn gateway(&self, access: &Access, ca: Option<&str>, redactor: &Redactor) -> Result<Option<Gateway>, String> {
        let Some(url) = &self.push_metrics else { return Ok(None) };
        let path = access.push_authorization_file.as_deref();
        let header = path.map(|path| read("--push-authorization-file", path)).transpose()?;
        let header = header.map(|text| SecretString::from(text.trim()));
        if let Some(header) = &header {
            redactor.add(header);
            // The scheme before it is no secret.
            if let Some((_, credentials)) = header.expose_secret().split_once(' ') {
                redactor.add(&SecretString::from(credentials.trim()));
            }
        }
        Gateway::new(url, header.as_ref(), ca).map(Some)
    }

    /// The same flags for a Job.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn for_job(&self) -> Result<Option<String>, String> {
        let Some(url) = &self.push_metrics else { return Ok(None) };
        Gateway::new(url, None, None)?;
        Ok(Some(format!("--push-metrics={url}")))
    }
}
