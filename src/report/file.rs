//! How a report gets to the disk: whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Why a report is not where it should be. [`FileError::remedy`] says how to mend it.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the report {}: {source}", path.display())]
pub struct FileError {
    /// The report's path.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl FileError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { path: path.to_owned(), source }
    }

    /// How to mend it.
    #[must_use]
    pub fn remedy(&self) -> String {
        let folder = folder(&self.path).display();
        match self.source.kind() {
            ErrorKind::NotFound => format!("make the folder first: mkdir -p '{folder}'"),
            ErrorKind::PermissionDenied => format!("make {folder} writable, or give another path"),
            ErrorKind::ReadOnlyFilesystem => {
                format!("{folder} is on a file system that cannot be written; give another path")
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                format!("make room where {folder} is, or give another path")
            }
            ErrorKind::IsADirectory => "give the path of a file in it".to_owned(),
            ErrorKind::NotADirectory => format!("{folder} is not a folder; give another path"),
            _ => "give another path".to_owned(),
        }
    }
}

/// The folder of the report; the current one for a bare name.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn refuse_folder(path: &Path) -> Result<(), FileError> {
    if path.is_dir() || path.file_name().is_none() {
        return Err(FileError { path: path.to_owned(), source: ErrorKind::IsADirectory.into() });
    }
    Ok(())
}

/// Whether [`write()`] could succeed there. Leaves nothing behind and touches no
/// file that is already there.
///
/// # Errors
/// Where it could not, with the remedy.
pub fn check_writable(path: &Path) -> Result<(), FileError> {
    refuse_folder(path)?;
    if fs::metadata(path).is_ok_and(|file| !file.is_file()) {
        // Such as /dev/stdout or a pipe: written in place, so opened for writing.
        return fs::OpenOptions::new().write(true).open(path).map(drop).map_err(FileError::at(path));
    }
    temporary(path).map(drop).map_err(FileError::at(path))
}

/// Writes the report whole to a file beside it, then renames that one, so that
/// no reader ever sees a part of it. What was there before stays if this fails.
///
/// # Errors
/// Where the disk refuses, with the remedy.
pub fn write(path: &Path, text: &str) -> Result<(), FileError> {
    refuse_folder(path)?;
    if fs::metadata(path).is_ok_and(|file| !file.is_file()) {
        // A device or a pipe cannot be renamed over.
        let open = fs::OpenOptions::new().write(true).open(path);
        return open.and_then(|mut file: File| file.write_all(text.as_bytes())).map_err(FileError::at(path));
    }
    whole(path, text).map_err(FileError::at(path))
}

fn whole(path: &Path, text: &str) -> io::Result<()> {
    // Where a link is given, the file behind it is meant, not the link.
    let behind = fs::canonicalize(path);
    let path = behind.as_deref().unwrap_or(path);
    let mut file = temporary(path)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn temporary(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".pmp-vault-report-").suffix(".tmp");
    // Reports are read by others (a CI's own user, for one); a temporary file is not.
    #[cfg(unix)]
    builder.permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644));
    builder.tempfile_in(folder(path))
}
