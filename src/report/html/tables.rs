//! The scenarios as the page is thought of: Service Account by automount by binding, auth methods, the page's commands,
//! the secret, the URL, names. Made of what each scenario says that it set up.

use std::collections::BTreeMap;

use serde_json::Value;

use super::word::{Shown, anchor, ends};
use crate::report::json::{Report, Scenario};
use crate::scenario::configuration::Base;

/// One table.
pub struct Table {
    /// What it is of.
    pub title: &'static str,
    /// What its rows and its columns are.
    pub axes: (&'static str, &'static str),
    /// What its columns are called.
    pub columns: Vec<String>,
    /// Its rows: what each is called, and for each column the scenarios there.
    pub rows: Vec<(String, Vec<Vec<Chip>>)>,
}

/// A scenario in a cell.
pub struct Chip {
    /// Its id.
    pub id: String,
    /// Its place on the page.
    pub anchor: String,
    /// Its verdict.
    pub shown: Shown,
    /// Where its way ended.
    pub ends: String,
    /// What else is otherwise in it than documented; else its id.
    pub otherwise: String,
}

/// What a scenario set up: every field, by its name in scenario files.
struct SetUp {
    all: BTreeMap<String, String>,
    /// Those that are not as in example A of the page.
    changed: Vec<String>,
}

impl SetUp {
    fn of(scenario: &Scenario) -> Option<Self> {
        let base = scenario.settings.get("base")?;
        let documented = fields(Base::Custom);
        let base: Base = serde_json::from_value(Value::String(base.clone())).ok()?;
        let mut all = fields(base);
        all.extend(scenario.settings.iter().filter(|(name, _)| *name != "base").map(|(n, v)| (n.clone(), v.clone())));
        let changed = all.iter().filter(|(name, value)| documented.get(*name) != Some(*value));
        Some(Self { changed: changed.map(|(name, _)| name.clone()).collect(), all })
    }

    fn get(&self, name: &str) -> &str {
        self.all.get(name).map_or("", String::as_str)
    }

    fn any(&self, names: &[&str]) -> bool {
        self.changed.iter().any(|name| names.contains(&name.as_str()))
    }
}

fn fields(base: Base) -> BTreeMap<String, String> {
    let words = |value: Value| match value {
        Value::String(word) => word,
        other => other.to_string(),
    };
    match serde_json::to_value(base.configuration()) {
        Ok(Value::Object(fields)) => fields.into_iter().map(|(name, value)| (name, words(value))).collect(),
        _ => BTreeMap::new(),
    }
}

const SECRET: [&str; 6] = ["kv-engine", "enable-again", "put", "stored", "secret-fate", "policy"];
const AUTH: [&str; 10] = [
    "vault",
    "auth-method",
    "reviewer",
    "kubernetes-host",
    "kubernetes-ca-cert",
    "app-may-review",
    "vault-may-review",
    "role",
    "role-audience",
    "app-token",
];
const COMMANDS: [&str; 6] = ["literal", "reader", "fallback", "kubeconfig", "jq", "shell"];

/// Which table, its rows and columns, and the fields that these tell already.
type Place = (usize, String, String, &'static [&'static str]);

const TABLES: [(&str, (&str, &str)); 6] = [
    ("Service Account, automount and binding", ("the app runs as; automount", "the role binds")),
    ("Auth methods", ("configured by", "Vault runs")),
    ("The page’s own commands", ("typed", "as")),
    ("The secret", ("engine", "stored by")),
    ("The URL", ("form", "Vault listens")),
    ("Names of one’s own, and edits while the app runs", ("otherwise", "at")),
];

fn place(set_up: &SetUp) -> Place {
    let get = |name: &str| plain(set_up.get(name));
    let method = set_up.get("auth-method");
    if set_up.any(&["own-name", "edited-while-running"]) {
        let names = set_up.any(&["own-name"]);
        let (row, column) = match names {
            true => ("a name".to_owned(), get("own-name")),
            false => ("edited while the app runs".to_owned(), get("edited-while-running")),
        };
        (5, row, column, &["own-name", "edited-while-running"])
    } else if method.ends_with("-block") || set_up.any(&COMMANDS) {
        let whole = set_up.any(&["literal"]);
        let row = match (whole, method.ends_with("-block")) {
            (true, true) => format!("an example with the {}", plain(method)),
            (true, false) if set_up.get("role-service-account") == "default" => "example B".to_owned(),
            (true, false) => "example A".to_owned(),
            _ => plain(method),
        };
        let column = if whole { get("literal") } else { get("fallback") };
        (2, row, column, &["literal", "auth-method", "fallback", "role-service-account", "runtime-service-account"])
    } else if set_up.any(&["url"]) || set_up.get("vault") == "outside-on-port-80" {
        (4, get("url"), get("vault"), &["url", "vault"])
    } else if set_up.any(&SECRET) {
        (3, get("kv-engine"), get("put"), &["kv-engine", "put"])
    } else if set_up.any(&AUTH) {
        (1, get("auth-method"), get("vault"), &["auth-method", "vault"])
    } else {
        let account = match set_up.get("runtime-service-account") {
            "unset" => "nothing named (default)".to_owned(),
            named => named.to_owned(),
        };
        let pod = match set_up.get("pod-automount") {
            "from-operator" => format!("operator {}", set_up.get("operator-automount")),
            pod => format!("pod {pod}"),
        };
        let own = match set_up.get("service-account-automount") {
            "unset" if pod.starts_with("operator") => String::new(),
            own => format!(", account {own}"),
        };
        let namespace = if set_up.get("role-namespace") == "other" { ", another namespace" } else { "" };
        let over = if set_up.get("role-overwritten") == "true" { ", then the other example’s" } else { "" };
        let binds = format!("{}{namespace}{over}", set_up.get("role-service-account"));
        (
            0,
            format!("{account}; {pod}{own}"),
            binds,
            &[
                "runtime-service-account",
                "operator-automount",
                "pod-automount",
                "service-account-automount",
                "role-namespace",
                "role-overwritten",
                "role-service-account",
            ],
        )
    }
}

fn plain(word: &str) -> String {
    word.replace('-', " ")
}

/// The tables that have a scenario. None where the record does not say what was set up.
pub fn tables(report: &Report) -> Vec<Table> {
    let empty = |(title, axes)| Table { title, axes, columns: Vec::new(), rows: Vec::new() };
    let mut tables: Vec<Table> = TABLES.into_iter().map(empty).collect();
    for scenario in &report.scenarios {
        let Some(set_up) = SetUp::of(scenario) else { continue };
        let (at, row, column, told) = place(&set_up);
        let otherwise = set_up.changed.iter().filter(|name| !told.contains(&name.as_str()));
        let words = |name: &String| match set_up.get(name) {
            "true" => plain(name),
            "false" => format!("no {}", plain(name)),
            value => format!("{} {}", plain(name), plain(value)),
        };
        let otherwise = otherwise.map(words).collect::<Vec<_>>().join(", ");
        let chip = Chip {
            anchor: anchor(&scenario.id),
            shown: Shown::of(scenario.verdict),
            ends: ends(scenario),
            // Several of a cell may have nothing else that tells them apart.
            otherwise: if otherwise.is_empty() { scenario.id.clone() } else { otherwise },
            id: scenario.id.clone(),
        };
        tables[at].put(row, column, chip);
    }
    tables.retain(|table| !table.rows.is_empty());
    tables
}

impl Table {
    fn put(&mut self, row: String, column: String, chip: Chip) {
        let at = self.columns.iter().position(|known| *known == column).unwrap_or_else(|| {
            self.columns.push(column);
            self.rows.iter_mut().for_each(|(_, cells)| cells.push(Vec::new()));
            self.columns.len() - 1
        });
        let row = self.rows.iter().position(|(known, _)| *known == row).unwrap_or_else(|| {
            self.rows.push((row, self.columns.iter().map(|_| Vec::new()).collect()));
            self.rows.len() - 1
        });
        self.rows[row].1[at].push(chip);
    }
}
