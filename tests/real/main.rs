//! Tests on a real Vault and a real kind cluster: one crate, a module for each promise.
//! They use the one testbed that `scripts/test --kind` starts. All are threads of one process; those that fill the
//! machine take turns.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may panic, and says what it tried"
)]

mod kind_docs_commands;
mod kind_end;
mod kind_existing;
mod kind_existing_broken;
mod kind_existing_end;
mod kind_existing_faults;
mod kind_existing_job;
mod kind_existing_metrics;
mod kind_existing_pods;
mod kind_existing_rights;
mod kind_existing_secrets;
mod kind_existing_sonobuoy;
mod kind_field;
mod kind_image;
mod kind_matrix;
mod kind_old_plugin;
mod kind_operator;
mod kind_outage;
mod kind_pages;
mod kind_raft;
mod kind_secrets;
mod kind_self_test;
mod kind_terminal;
mod kind_token_limit;
mod local;
mod support;
