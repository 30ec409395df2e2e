//! What the role's policies grant on the secret's path.

use super::way::Way;
use crate::check::case::{check, warning};
use crate::check::inspect::{Found, VaultSide, strings};
use crate::check::sighted::Sighted;
use crate::check::target::Target;
use crate::page::cause::ids;
use crate::vault::acl::{self, Rule};
use crate::vault::objects::odd_policy_name;
use crate::verdict::Verdict;
use crate::verdict::result::Case;

/// `policy`. The app's own read decides; a comparison explains it.
pub(super) fn case(target: &Target, sighted: &Sighted, vault: &VaultSide, way: Way<'_>) -> Case {
    let id = "policy";
    let Some(role) = vault.role.there() else { return check(id, Verdict::Skipped, "the role could not be read") };
    let named = strings(&role["token_policies"]);
    let path = target.data_path();
    if named.is_empty() {
        return way.differs_in_rights(id, ids::read::NO_POLICY, "the role names no policy");
    }
    if let Some(name) = named.iter().find(|name| odd_policy_name(name)) {
        let text = format!("the role names a policy `{name}`, quotes or white space included");
        return way.differs_in_rights(id, ids::read::POLICY_NAME_ODD, text);
    }
    let missing: Vec<&str> = named
        .iter()
        .filter(|name| matches!(vault.policies.get(*name), Some(Found::Missing(_))))
        .map(String::as_str)
        .collect();
    let read = Read::of(&named, vault, &Alias::of(target, sighted, vault));
    let said = acl::deciding(&read.rules, &path);
    let granted = said.iter().any(|rule| rule.capabilities.iter().any(|c| c == "read" || c == "sudo"));
    let by = |said: &[&Rule]| {
        let of: Vec<String> =
            said.iter().map(|rule| format!("policy {} with `{}`", rule.policy, rule.pattern)).collect();
        of.join(" and ")
    };
    let denies = |text: String| way.differs_in_rights(id, ids::read::POLICY_DENIES, text);
    if said.iter().any(|rule| rule.capabilities.iter().any(|c| c == "deny")) {
        return denies(format!("{} denies {path}, which counts before everything that grants it", by(&said)));
    }
    let under = |text: String| way.differs_in_rights(id, ids::read::POLICY_CONDITIONS, text);
    if granted && said.iter().any(|rule| rule.wants_wrapping) {
        return under(format!("{} gives {path} only to a request that wants its answer wrapped", by(&said)));
    }
    if let Some(rule) = said.iter().find(|rule| granted && !rule.required_parameters.is_empty()) {
        let wanted = rule.required_parameters.join(", ");
        return under(format!("{} gives {path} only to a request with the parameters {wanted}", by(&said)));
    }
    if granted {
        let wide: Vec<String> =
            said.iter().filter(|rule| acl::is_open(&rule.pattern)).map(|rule| opens(rule)).collect();
        return match wide.first() {
            Some(text) => warning(id, ids::boundary::SIBLING_ALLOWED, text.clone()),
            None => check(id, Verdict::Conformant, by(&said)),
        };
    }
    if !missing.is_empty() {
        let text = format!("the role names policies that do not exist: {}", missing.join(", "));
        return way.differs_in_rights(id, ids::read::POLICY_MISSING, text);
    }
    let not_told = read.not_told();
    if way.may_read() {
        let text = format!(
            "the app's own read works; none of the policies read grants {path}, so another does: one that was not \
             read, or comes from the token's entity or its groups{not_told}"
        );
        return check(id, Verdict::Conformant, text);
    }
    if !not_told.is_empty() {
        return check(id, Verdict::Skipped, format!("no policy that was read grants {path}{not_told}"));
    }
    denies(format!("none of the policies {} grants read on {path}", named.join(", ")))
}

/// What a pattern opens beside the one secret.
fn opens(rule: &Rule) -> String {
    let Rule { policy, pattern, capabilities, .. } = rule;
    let verbs = capabilities.join(", ");
    let what = match pattern.strip_suffix('*') {
        Some("") => "everything in Vault".to_owned(),
        Some(prefix) => match prefix.strip_suffix("/data/") {
            Some(mount) => format!("every secret of {mount}"),
            None => format!("everything that begins with {prefix}"),
        },
        None => format!("everything that has something else in place of `+` in {pattern}"),
    };
    format!("policy {policy} reaches further than the app's secret: `{pattern}` grants {verbs} on {what}")
}

/// What Vault fills into a templated policy for the app's token.
struct Alias<'a> {
    accessor: Option<&'a str>,
    namespace: &'a str,
    account: &'a str,
    /// Whether the alias is called NAMESPACE/ACCOUNT; else it is the account's UID.
    by_name: bool,
}

impl<'a> Alias<'a> {
    fn of(target: &'a Target, sighted: &'a Sighted, vault: &'a VaultSide) -> Self {
        let source = vault.role.there().and_then(|role| role["alias_name_source"].as_str());
        Self {
            accessor: vault.accessor.as_deref(),
            namespace: &target.namespace,
            account: &sighted.app.service_account,
            by_name: source == Some("serviceaccount_name"),
        }
    }

    /// A pattern with everything filled in that is known; none where something is not.
    fn fill(&self, pattern: &str) -> Option<String> {
        let mut filled = String::new();
        let mut rest = pattern;
        while let Some((before, behind)) = rest.split_once("{{") {
            let (name, after) = behind.split_once("}}")?;
            filled.push_str(before);
            filled.push_str(&self.value(name.trim())?);
            rest = after;
        }
        filled.push_str(rest);
        Some(filled)
    }

    fn value(&self, name: &str) -> Option<String> {
        let of_alias = name.strip_prefix("identity.entity.aliases.")?.strip_prefix(self.accessor?)?;
        match of_alias {
            ".metadata.service_account_namespace" => Some(self.namespace.to_owned()),
            ".metadata.service_account_name" => Some(self.account.to_owned()),
            ".name" if self.by_name => Some(format!("{}/{}", self.namespace, self.account)),
            _ => None,
        }
    }
}

/// The policies that the role names, as far as they could be read.
#[derive(Default)]
struct Read {
    rules: Vec<Rule>,
    unread: Vec<String>,
    /// Policies that are neither HCL nor JSON as far as it is known here.
    unclear: Vec<String>,
    /// Patterns with templates whose value is not known.
    templated: Vec<String>,
}

impl Read {
    fn of(named: &[String], vault: &VaultSide, alias: &Alias<'_>) -> Self {
        let mut read = Self::default();
        for name in named {
            let text = match vault.policies.get(name) {
                Some(Found::There(policy)) => policy["policy"].as_str(),
                Some(Found::Missing(_)) => continue,
                Some(Found::Unknown(_)) | None => {
                    read.unread.push(name.clone());
                    continue;
                }
            };
            let Some(rules) = text.and_then(|text| acl::rules(name, text)) else {
                read.unclear.push(name.clone());
                continue;
            };
            for rule in rules {
                match alias.fill(&rule.pattern) {
                    Some(pattern) => read.rules.push(Rule { pattern, ..rule }),
                    None => read.templated.push(rule.pattern),
                }
            }
        }
        read
    }

    /// What a grant could still stand in; empty where everything was read.
    fn not_told(&self) -> String {
        let mut text = String::new();
        if !self.unread.is_empty() {
            text.push_str(&format!("; not read: policies {}; name them with --policy", self.unread.join(", ")));
        }
        if !self.unclear.is_empty() {
            text.push_str(&format!("; in a form that is not interpreted: policies {}", self.unclear.join(", ")));
        }
        if !self.templated.is_empty() {
            text.push_str(&format!("; templates that are not interpreted: {}", self.templated.join(", ")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALIAS: Alias<'_> =
        Alias { accessor: Some("auth_kubernetes_1"), namespace: "feature-test", account: "app", by_name: false };

    #[test]
    fn a_template_is_filled_in_where_its_value_is_known() {
        let filled = |pattern: &str| ALIAS.fill(pattern);
        let of = |what: &str| format!("kv/data/{{{{identity.entity.aliases.auth_kubernetes_1.{what}}}}}/admin");
        assert_eq!(filled(&of("metadata.service_account_namespace")).unwrap(), "kv/data/feature-test/admin");
        assert_eq!(filled(&of("metadata.service_account_name")).unwrap(), "kv/data/app/admin");
        assert_eq!(filled("kv/data/admin").unwrap(), "kv/data/admin");
        for unknown in [of("name"), of("metadata.service_account_uid"), "{{identity.entity.id}}".to_owned()] {
            assert_eq!(filled(&unknown), None, "{unknown}");
        }
        assert_eq!(Alias { by_name: true, ..ALIAS }.fill(&of("name")).unwrap(), "kv/data/feature-test/app/admin");
        assert_eq!(
            Alias { accessor: Some("auth_kubernetes_2"), ..ALIAS }.fill(&of("metadata.service_account_name")),
            None
        );
    }

    #[test]
    fn what_a_pattern_opens_is_said_exactly() {
        let rule = |pattern: &str| Rule {
            policy: "p".to_owned(),
            pattern: pattern.to_owned(),
            capabilities: vec!["read".to_owned()],
            wants_wrapping: false,
            required_parameters: Vec::new(),
        };
        for (pattern, what) in [
            ("pmp-dev/data/*", "`pmp-dev/data/*` grants read on every secret of pmp-dev"),
            ("team/data/pmp-dev/data/*", "on every secret of team/data/pmp-dev"),
            ("pmp-dev/data/ad*", "on everything that begins with pmp-dev/data/ad"),
            ("*", "on everything in Vault"),
            ("+/data/admin", "in place of `+` in +/data/admin"),
        ] {
            assert!(opens(&rule(pattern)).ends_with(what), "{}", opens(&rule(pattern)));
        }
    }
}
