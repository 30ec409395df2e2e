//! The committed JSON schemas are those of the types, and every file keeps to them.
//! `UPDATE_SCHEMAS=1 cargo test --test it schema` writes them anew.

use std::path::{Path, PathBuf};

use pmp_vault_conformance::page::{CauseCatalogue, Page};
use pmp_vault_conformance::report::baseline::Baseline;
use pmp_vault_conformance::report::diff::Diff;
use pmp_vault_conformance::report::merge::Matrix;
use pmp_vault_conformance::scenario::block::BlockCatalogue;
use pmp_vault_conformance::scenario::command::CommandCatalogue;
use pmp_vault_conformance::scenario::defect::DefectCatalogue;
use pmp_vault_conformance::scenario::model::Scenario;
use pmp_vault_conformance::scenario::self_test::SelfTestCatalogue;
use rstest::rstest;
use schemars::schema_for;
use serde_json::Value;

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/schema/{name}.schema.json"))
}

fn generated(name: &str) -> Value {
    let schema = match name {
        "page" => schema_for!(Page),
        "causes" => schema_for!(CauseCatalogue),
        "blocks" => schema_for!(BlockCatalogue),
        "commands" => schema_for!(CommandCatalogue),
        "defects" => schema_for!(DefectCatalogue),
        "baseline" => schema_for!(Baseline),
        "diff" => schema_for!(Diff),
        "matrix" => schema_for!(Matrix),
        "self-test" => schema_for!(SelfTestCatalogue),
        _ => schema_for!(Scenario),
    };
    schema.to_value()
}

#[rstest]
#[case("scenario")]
#[case("page")]
#[case("causes")]
#[case("blocks")]
#[case("commands")]
#[case("defects")]
#[case("self-test")]
#[case("baseline")]
#[case("diff")]
#[case("matrix")]
fn the_committed_schema_is_that_of_the_types(#[case] name: &str) {
    let mut text = serde_json::to_string_pretty(&generated(name)).unwrap();
    text.push('\n');
    let path = committed(name);
    if std::env::var_os("UPDATE_SCHEMAS").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "{} has drifted; run this test with UPDATE_SCHEMAS=1", path.display());
}

#[rstest]
fn every_file_keeps_to_its_schema_and_names_it(#[files("scenarios/**/*.yaml")] path: PathBuf) {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let path_within = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap();
    let (schema, up) = match path_within.components().next().unwrap().as_os_str().to_str() {
        Some("catalogue") => (name, ".."),
        Some("pages") => (name, "../.."),
        _ => ("scenario", ".."),
    };
    let text = std::fs::read_to_string(&path).unwrap();
    let first = format!("# yaml-language-server: $schema={up}/schema/{schema}.schema.json");
    assert_eq!(text.lines().next(), Some(&*first));

    let validator = jsonschema::validator_for(&generated(schema)).unwrap();
    let options = serde_saphyr::options! { strict_booleans: true };
    let value: Value = serde_saphyr::from_str_with_options(&text, options).unwrap();
    let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
}
