//! The one filter that every artefact passes on its way out: known canaries
//! and tokens of the run, and whatever has a token's shape, become `[redacted]`.
//!
//! Secrets come in over the whole run while log lines go out, so the search
//! must take a new secret without being built again: every form of a secret is
//! found by its first eight bytes, and a bit set answers most positions of a
//! text without a look-up.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

/// What stands where a secret was.
pub const REPLACEMENT: &str = "[redacted]";

/// Shorter secrets would be found in texts that hold none.
const SHORTEST: usize = 8;

/// Bits of the filter before the index: 128 KiB, one in sixty taken with 2,000 secrets.
const FILTER_BITS: u32 = 20;

/// Replaces secrets in texts. Clones share what is known and what was counted.
#[derive(Clone, Default)]
pub struct Redactor {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    known: RwLock<Known>,
    replacements: AtomicUsize,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("replacements", &self.replacements()).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Knows nothing yet but the shapes of tokens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a canary or a token of this run known, in every form in which it
    /// could be written. One of fewer than eight characters is ignored.
    pub fn add(&self, secret: &SecretString) {
        let secret = secret.expose_secret().trim();
        if secret.len() < SHORTEST {
            return;
        }
        let mut known = self.shared.known.write().unwrap_or_else(PoisonError::into_inner);
        for form in forms(secret) {
            known.insert(form);
        }
    }

    /// The text without secrets. Borrowed, and nothing counted, where it holds none.
    #[must_use]
    pub fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let found = self.find(text.as_bytes());
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        self.shared.replacements.fetch_add(found.len(), Ordering::Relaxed);
        let mut clean = String::with_capacity(text.len());
        let mut from = 0;
        for range in found {
            clean.push_str(&text[from..range.start]);
            clean.push_str(REPLACEMENT);
            from = range.end;
        }
        clean.push_str(&text[from..]);
        Cow::Owned(clean)
    }

    /// How many secrets were replaced so far, in all texts together.
    #[must_use]
    pub fn replacements(&self) -> usize {
        self.shared.replacements.load(Ordering::Relaxed)
    }

    /// A writer that passes on whole lines, cleaned.
    pub fn writer<W: Write>(&self, inner: W) -> CleanWriter<W> {
        CleanWriter { redactor: self.clone(), inner, line: Vec::new() }
    }

    /// Where secrets are, in order, without overlaps. Every match starts and
    /// ends at a character: it is ASCII, or text that was whole when it was added.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let known = self.shared.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Range<usize>> = Vec::new();
        for start in 0..text.len() {
            let length = known.longest_at(&text[start..]).max(token_at(&text[start..]));
            if length == 0 {
                continue;
            }
            match found.last_mut() {
                Some(last) if start < last.end => last.end = last.end.max(start + length),
                _ => found.push(start..start + length),
            }
        }
        found
    }
}

/// Every form of every known secret, by its first eight bytes.
struct Known {
    filter: Vec<u64>,
    forms: HashMap<u64, Vec<SecretSlice<u8>>>,
}

impl Default for Known {
    fn default() -> Self {
        Self { filter: vec![0; 1 << (FILTER_BITS - 6)], forms: HashMap::new() }
    }
}

impl Known {
    fn insert(&mut self, form: Vec<u8>) {
        let Some(window) = window(&form) else { return };
        let same = self.forms.entry(window).or_default();
        if same.iter().any(|known| known.expose_secret() == form.as_slice()) {
            return;
        }
        same.push(form.into());
        let (word, bit) = filter_place(window);
        self.filter[word] |= bit;
    }

    /// How many bytes the longest known form takes that the text starts with.
    fn longest_at(&self, text: &[u8]) -> usize {
        let Some(window) = window(text) else { return 0 };
        let (word, bit) = filter_place(window);
        if self.filter[word] & bit == 0 {
            return 0;
        }
        let Some(forms) = self.forms.get(&window) else { return 0 };
        let lengths =
            forms.iter().map(ExposeSecret::expose_secret).filter(|form| text.starts_with(form)).map(<[u8]>::len);
        lengths.max().unwrap_or(0)
    }
}

fn window(text: &[u8]) -> Option<u64> {
    text.first_chunk::<SHORTEST>().map(|bytes| u64::from_le_bytes(*bytes))
}

fn filter_place(window: u64) -> (usize, u64) {
    // Fibonacci hashing: the high bits of the product depend on all bytes.
    let hash = window.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// The secret as text, as JSON and Rust's own `Debug` write it, as XML writes
/// it in an attribute and in a text, and in base64 wherever it starts in what is encoded.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.as_bytes().to_vec()];
    if let Ok(json) = serde_json::to_string(secret) {
        forms.push(json.as_bytes()[1..json.len() - 1].to_vec());
    }
    let debug = format!("{secret:?}");
    forms.push(debug.as_bytes()[1..debug.len() - 1].to_vec());
    forms.push(quick_xml::escape::escape(secret).as_bytes().to_vec());
    forms.push(quick_xml::escape::partial_escape(secret).as_bytes().to_vec());
    forms.push(quick_xml::escape::minimal_escape(secret).as_bytes().to_vec());
    for before in 0..3 {
        // The characters that depend on a neighbour's bits are left out on both sides.
        let encoded = STANDARD_NO_PAD.encode([&vec![0; before], secret.as_bytes()].concat());
        let start = (before * 8).div_ceil(6);
        let end = (before + secret.len()) * 8 / 6;
        let core = &encoded[start..end];
        forms.push(core.as_bytes().to_vec());
        forms.push(core.replace('+', "-").replace('/', "_").into_bytes());
    }
    forms
}

/// How many bytes a token takes that the text starts with. What stands before
/// does not matter: in an escaped text that can be the `n` of a line break.
fn token_at(text: &[u8]) -> usize {
    match text {
        [b'h', b'v', b's' | b'b' | b'r', b'.', rest @ ..] => match token_characters(rest) {
            length @ 20.. => 4 + length,
            _ => 0,
        },
        [b'e', b'y', b'J', rest @ ..] => jwt(rest).map_or(0, |length| 3 + length),
        // A JWT once more in base64, as a Kubernetes Secret holds it.
        [b'Z', b'X', b'l', b'K', rest @ ..] => {
            match rest.iter().take_while(|byte| is_token(**byte) || matches!(byte, b'+' | b'/' | b'=')).count() {
                length @ 40.. => 4 + length,
                _ => 0,
            }
        }
        _ => 0,
    }
}

/// The rest of a JWT behind `eyJ`: three segments, or one that is long enough to be cut off a JWT.
fn jwt(rest: &[u8]) -> Option<usize> {
    let header = token_characters(rest);
    let payload = match rest.get(header) {
        Some(b'.') => token_characters(&rest[header + 1..]),
        _ => 0,
    };
    if payload == 0 {
        return (header >= 20).then_some(header);
    }
    let two = header + 1 + payload;
    match rest.get(two) {
        Some(b'.') => Some(two + 1 + token_characters(&rest[two + 1..])),
        _ => (header >= 20).then_some(two),
    }
}

fn token_characters(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_token(**byte)).count()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Passes on whole lines, cleaned. A line that is not finished is held back,
/// also when flushed, because a secret could be cut in two there; it goes out
/// when the writer is dropped.
#[derive(Debug)]
pub struct CleanWriter<W: Write> {
    redactor: Redactor,
    inner: W,
    line: Vec<u8>,
}

impl<W: Write> CleanWriter<W> {
    fn pass_on(&mut self, end: usize) -> io::Result<()> {
        let lines: Vec<u8> = self.line.drain(..end).collect();
        self.inner.write_all(self.redactor.clean(&String::from_utf8_lossy(&lines)).as_bytes())
    }
}

impl<W: Write> Write for CleanWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if let Some(last) = self.line.iter().rposition(|byte| *byte == b'\n') {
            self.pass_on(last + 1)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Drop for CleanWriter<W> {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            // Nobody is left to whom a failure could be told.
            let _ = self.pass_on(self.line.len());
        }
        let _ = self.inner.flush();
    }
}
