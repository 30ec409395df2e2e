//! Tests that need no server: one crate, a module for each promise.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may panic as the test itself")]

mod causes_commands;
mod causes_named;
mod causes_properties;
mod cli_existing;
mod cli_getting;
mod cli_images_export;
mod cli_usage;
mod cli_without_engine;
mod docs_causes;
mod docs_commands;
mod docs_coverage;
mod docs_field;
mod existing_examples;
mod existing_properties;
mod field;
mod layers;
mod probe_observation;
mod probe_transport;
mod report_check;
mod report_files;
mod report_junit;
mod report_metrics;
mod report_records;
mod report_redaction;
mod report_terminal;
mod scenarios_causes;
mod scenarios_load;
mod scenarios_pages;
mod scenarios_schema;
mod scenarios_select;
mod support;
mod terminal;
mod verdict_oracle;
mod verdict_properties;
