//! The JSON records in the results of Sonobuoy (`sonobuoy retrieve`): a tar file, compressed by gzip, with a folder for each
//! plugin that ran.
//!
//! It is read from its beginning to its end and nothing of it is unpacked, so no name in it leads anywhere. Names, texts and
//! sizes are those of whoever made the file: each has a limit.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::json::Report;
use super::record::{self, RecordError};
use super::text::one_line;
use crate::check::sonobuoy::RECORD;
use crate::redact::Redactor;

/// The most that is unpacked of one file, in bytes: Sonobuoy gathers logs as well.
const MOST: u64 = 4 << 30;

/// The largest record, in bytes. One of all scenarios has half a megabyte.
const LARGEST: u64 = 64 << 20;

/// The most records of one file: one for each plugin.
const RECORDS: usize = 1000;

/// Why no record was read. [`TarballError::remedy`] says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum TarballError {
    /// The system does not give it, or it is cut off or no such file.
    #[error("cannot read {} as the results of Sonobuoy: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// Larger than anything that is read.
    #[error("{} holds more than is read: {what}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What there is too much of.
        what: &'static str,
    },
    /// It is sound, and no plugin of ours wrote into it.
    #[error("{} holds no report of this program: no plugin in it wrote a {RECORD}", path.display())]
    NoRecord {
        /// The file.
        path: PathBuf,
    },
    /// What a plugin of ours wrote cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl TarballError {
    /// How to mend it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "get it again with `sonobuoy retrieve`",
            Self::TooLarge { .. } => {
                "take the report out of it with `tar`, and give that: plugins/NAME/results/global/pmp-vault-conformance.json"
            }
            Self::NoRecord { .. } => {
                "`sonobuoy results` says which plugins ran and what became of them; `print sonobuoy-plugin` prints ours"
            }
            Self::Record(error) => error.remedy(),
        }
    }
}

/// Whether a file is compressed by gzip, whatever its name is. One that cannot be read is not.
#[must_use]
pub fn is_one(path: &Path) -> bool {
    let mut start = [0; 2];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == [0x1f, 0x8b]
}

/// The records in it, each with the name of its plugin, in their order there.
///
/// # Errors
/// Where it cannot be read, is too large, or holds no record that can be read.
pub fn read(path: &Path, redactor: &Redactor) -> Result<Vec<(String, Report)>, TarballError> {
    read_within(path, redactor, MOST)
}

fn read_within(path: &Path, redactor: &Redactor, most: u64) -> Result<Vec<(String, Report)>, TarballError> {
    let unreadable = |source| TarballError::Unreadable { path: path.to_owned(), source };
    let too_large = |what| TarballError::TooLarge { path: path.to_owned(), what };
    let file = File::open(path).map_err(unreadable)?;
    let mut unpacked = MultiGzDecoder::new(BufReader::new(file)).take(most);
    let mut records = Vec::new();
    let walked = (|| {
        // Raw, because extensions of a name would be read whole, whatever their size; ours needs none.
        for entry in tar::Archive::new(&mut unpacked).entries().map_err(unreadable)?.raw(true) {
            let entry = entry.map_err(unreadable)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let Some(plugin) = plugin(&name).filter(|_| entry.header().entry_type().is_file()) else { continue };
            if records.len() == RECORDS {
                return Err(too_large("a thousand reports"));
            }
            let mut text = Vec::new();
            entry.take(LARGEST + 1).read_to_end(&mut text).map_err(unreadable)?;
            if text.len() as u64 > LARGEST {
                return Err(too_large("a report of 64 MiB"));
            }
            let place = PathBuf::from(format!("{}: {}", path.display(), one_line(&name)));
            records.push((plugin, record::parse(&String::from_utf8_lossy(&text), &place, redactor)?));
        }
        Ok(())
    })();
    // What ends at the limit looks as if it were cut off.
    if unpacked.limit() == 0 {
        return Err(too_large("4 GiB, unpacked"));
    }
    walked?;
    if records.is_empty() {
        return Err(TarballError::NoRecord { path: path.to_owned() });
    }
    Ok(records)
}

/// The plugin, where the name is that of a record: `plugins/NAME/results/global/pmp-vault-conformance.json`.
fn plugin(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.trim_start_matches("./").split('/').collect();
    match parts[..] {
        ["plugins", plugin, "results", .., RECORD] => Some(one_line(plugin)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// A results file with these entries.
    fn results(folder: &Path, entries: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join("results.tar.gz");
        let mut tar = tar::Builder::new(GzEncoder::new(File::create(&path).unwrap(), Compression::fast()));
        for (name, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            // As it is, wherever it would lead.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, *content).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        path
    }

    fn error(folder: &Path, entries: &[(&str, &[u8])], most: u64) -> String {
        let path = results(folder, entries);
        assert!(is_one(&path));
        let error = read_within(&path, &Redactor::new(), most).unwrap_err();
        assert!(!error.remedy().is_empty());
        let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["results.tar.gz"], "nothing is unpacked");
        error.to_string()
    }

    #[test]
    fn a_record_is_known_by_its_place_and_no_other_name_is_looked_at() {
        let place = "plugins/our own/results/global/pmp-vault-conformance.json";
        assert_eq!(plugin(place).as_deref(), Some("our own"));
        assert_eq!(plugin(&format!("./{place}")).as_deref(), Some("our own"));
        for name in [
            "pmp-vault-conformance.json",
            "plugins/x/pmp-vault-conformance.json",
            "plugins/x/results/global/report.json",
            "/plugins/x/results/global/pmp-vault-conformance.json",
            "../plugins/x/results/global/pmp-vault-conformance.json",
        ] {
            assert_eq!(plugin(name), None, "{name}");
        }
    }

    #[test]
    fn what_holds_no_record_says_so_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let other: (&str, &[u8]) = ("../../outside", b"x");
        assert!(error(folder, &[other], MOST).contains("no plugin in it wrote a pmp-vault-conformance.json"));
        let wrong: (&str, &[u8]) = ("plugins/x/results/global/pmp-vault-conformance.json", b"{}");
        let said = error(folder, &[other, wrong], MOST);
        assert!(said.contains("plugins/x/results/global/pmp-vault-conformance.json is JSON, but no report"), "{said}");
    }

    #[test]
    fn what_is_too_large_or_cut_off_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let large = vec![0; 1 << 20];
        assert!(error(folder, &[("podlogs/large", &large)], 1 << 16).contains("more than is read"));
        let place = "plugins/x/results/global/pmp-vault-conformance.json";
        assert!(error(folder, &[(place, &vec![b' '; (LARGEST + 1) as usize])], MOST).contains("a report of 64 MiB"));

        let path = results(folder, &[("podlogs/large", &large), (place, b"{}")]);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let error = read(&path, &Redactor::new()).unwrap_err();
        assert!(matches!(error, TarballError::Unreadable { .. }), "{error}");
        std::fs::write(&path, "text").unwrap();
        assert!(!is_one(&path) && !is_one(folder));
    }
}
