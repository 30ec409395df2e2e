//! Parses, runs, and ends with the run's exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    pmp_vault_conformance::cli::main()
}
