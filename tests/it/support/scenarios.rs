//! The scenarios that the program carries, and those of a folder.

use pmp_vault_conformance::scenario::load::{Catalogue, LoadError};

/// What the program carries.
pub fn embedded() -> Catalogue {
    Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"))
}

/// A scenario that others can be compared with.
pub const PERMITTED: &str = "id: g.permitted
title: Permitted
page: '#naming-convention'
profile: core
base: custom
expect: {reads: all}
";

/// A folder with these files.
pub fn load(files: &[(&str, &str)]) -> Result<Catalogue, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Catalogue::from_dir(folder.path())
}
