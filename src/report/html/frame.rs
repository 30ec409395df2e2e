//! What every page has: its style, its script, and the order to the browser to take nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// What every page has.
pub struct Frame {
    /// The title of the window.
    pub title: String,
    /// The style sheet.
    pub style: &'static str,
    /// The script, without which the page can be read all the same.
    pub script: &'static str,
    /// The content security policy: this style, this script and nothing else, so that no text of a record could ever run.
    pub policy: String,
}

impl Frame {
    /// With that title.
    pub fn new(title: String) -> Self {
        let (style, script) = (include_str!("templates/style.css"), include_str!("templates/script.js"));
        let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            hash(style),
            hash(script)
        );
        Self { title, style, script, policy }
    }
}
