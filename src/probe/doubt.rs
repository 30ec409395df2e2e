//! Values that cannot be what was meant: what a shell left, what nobody
//! replaced, what came along from a file. Only the kind is told.

use super::observation::Doubt;

/// Names of placeholders, in lower case, with their separators left out.
const PLACEHOLDERS: [&str; 12] = [
    "changeme",
    "changeit",
    "replaceme",
    "replacethis",
    "value",
    "placeholder",
    "todo",
    "tbd",
    "fixme",
    "redacted",
    "insertvaluehere",
    "putvaluehere",
];

/// How placeholders begin, in the case in which pages write them: `YOUR_PAT_TOKEN`
/// and `PLACEHOLDER_PASSWORD` are the page's own.
const BEGINNINGS: [&str; 4] = ["YOUR_", "YOUR-", "PLACEHOLDER_", "REPLACE_"];

/// What tools print for nothing: jq, Python, Go, JavaScript, the AWS command line.
const NOTHING: [&str; 9] = ["null", "none", "nil", "<nil>", "<no value>", "undefined", "(null)", "n/a", "-"];

/// How values begin that another tool should have replaced: SOPS, Ansible Vault, vals, 1Password, Bank-Vaults.
const OF_TOOLS: [&str; 5] = ["ENC[", "$ANSIBLE_VAULT;", "ref+", "op://", "vault:"];

const QUOTES: [(char, char); 5] = [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’'), ('„', '“')];

/// Why a key's value that is not empty cannot be what was meant; none where nothing speaks against it.
#[must_use]
pub fn doubt(key: &str, value: &str) -> Option<Doubt> {
    let inner = value.trim_matches(|c: char| c.is_whitespace() || invisible(c));
    if NOTHING.contains(&&*inner.to_lowercase()) {
        Some(Doubt::Nothing)
    } else if inner == key || is_placeholder(unquoted(inner).unwrap_or(inner)) {
        Some(Doubt::Placeholder)
    } else if is_unexpanded(unquoted(inner).unwrap_or(inner)) {
        Some(Doubt::Unexpanded)
    } else if unquoted(inner).is_some() {
        Some(Doubt::Quoted)
    } else if value.trim().len() != value.len() {
        Some(Doubt::Space)
    } else if value.chars().any(|c| c.is_control() || invisible(c)) {
        Some(Doubt::Control)
    } else {
        None
    }
}

/// What comes along when text is copied from a page or a file and cannot be seen:
/// no-break, soft and zero-width characters, and a byte order mark.
pub(super) fn invisible(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202f}' | '\u{2060}' | '\u{feff}')
}

fn unquoted(value: &str) -> Option<&str> {
    QUOTES.into_iter().find_map(|(open, close)| value.strip_prefix(open)?.strip_suffix(close))
}

fn is_placeholder(value: &str) -> bool {
    let squeezed: String = value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let shouted = |beginning: &&str| value.starts_with(*beginning) && !value.chars().any(char::is_lowercase);
    let in_brackets = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let words = |inner: &str| inner.chars().all(|c| c.is_alphanumeric() || " _-.:/#".contains(c));
    let mut characters = value.chars();
    let masked = match characters.next() {
        Some(first) if "*xX.•…".contains(first) => {
            (value.chars().count() > 2 || first == '…') && characters.all(|c| c == first)
        }
        _ => false,
    };
    PLACEHOLDERS.contains(&&*squeezed)
        || BEGINNINGS.iter().any(shouted)
        || in_brackets.is_some_and(|inner| !inner.is_empty() && words(inner))
        || masked
}

/// A password may hold a dollar sign, so a bare `$NAME` counts only where it is
/// the whole value and written as variables are.
fn is_unexpanded(value: &str) -> bool {
    let name = |text: &str, upper: bool| {
        let begins = text.chars().next().is_some_and(|c| c == '_' || c.is_ascii_alphabetic());
        let letter =
            |c: char| c == '_' || c.is_ascii_digit() || c.is_ascii_uppercase() || (!upper && c.is_ascii_lowercase());
        begins && text.len() > 1 && text.chars().all(letter)
    };
    let enclosed = |open: &str, close: &str| {
        value.split_once(open).and_then(|(_, rest)| rest.split_once(close)).map(|(inner, _)| inner)
    };
    let whole = |open: &str, close: &str| value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let path = |text: &str| {
        text.contains(['/', '.', '\\']) && text.chars().all(|c| c.is_alphanumeric() || "/._-\\:~".contains(c))
    };
    OF_TOOLS.iter().any(|beginning| value.starts_with(beginning))
        || value.strip_prefix('$').is_some_and(|rest| name(rest, true))
        || value.to_ascii_lowercase().strip_prefix("$env:").is_some_and(|rest| name(rest, false))
        || whole("%", "%").is_some_and(|inner| name(inner, true))
        || enclosed("${", "}").is_some_and(|inner| name(inner.split([':', '#', '%']).next().unwrap_or_default(), false))
        || enclosed("$(", ")").is_some_and(|inner| !inner.trim().is_empty())
        || enclosed("{{", "}}").is_some_and(|inner| !inner.trim().is_empty())
        || whole("`", "`").is_some_and(|inner| !inner.is_empty())
        || value.strip_prefix('@').is_some_and(path)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::the_pages_own("YOUR_PAT_TOKEN", Doubt::Placeholder)]
    #[case::the_pages_stored("PLACEHOLDER_PASSWORD", Doubt::Placeholder)]
    #[case::in_brackets("<YOUR TOKEN>", Doubt::Placeholder)]
    #[case::the_word_itself("VALUE", Doubt::Placeholder)]
    #[case::a_known_one("Change-Me!", Doubt::Placeholder)]
    #[case::a_mask("********", Doubt::Placeholder)]
    #[case::quoted("\"YOUR_PAT_TOKEN\"", Doubt::Placeholder)]
    #[case::a_variable("$GITLAB_TOKEN", Doubt::Unexpanded)]
    #[case::a_variable_in_braces("glpat-${token}", Doubt::Unexpanded)]
    #[case::a_variable_with_a_default("${TOKEN:-none}", Doubt::Unexpanded)]
    #[case::a_command("$(cat token)", Doubt::Unexpanded)]
    #[case::a_command_in_backticks("`cat token`", Doubt::Unexpanded)]
    #[case::a_file("@./token.txt", Doubt::Unexpanded)]
    #[case::a_template("{{ .Values.token }}", Doubt::Unexpanded)]
    #[case::of_powershell("$env:TOKEN", Doubt::Unexpanded)]
    #[case::of_cmd("%TOKEN%", Doubt::Unexpanded)]
    #[case::its_own_name("A.Key", Doubt::Placeholder)]
    #[case::of_argo_cd("<path:secret/data/pmp#token>", Doubt::Placeholder)]
    #[case::of_sops("ENC[AES256_GCM,data:x]", Doubt::Unexpanded)]
    #[case::of_jq("null\n", Doubt::Nothing)]
    #[case::of_go("<no value>", Doubt::Nothing)]
    #[case::single_quotes("'s3cret'", Doubt::Quoted)]
    #[case::typographic_quotes("“s3cret”", Doubt::Quoted)]
    #[case::a_line_break("s3cret\n", Doubt::Space)]
    #[case::a_windows_line_break("s3cret\r\n", Doubt::Space)]
    #[case::white_space_before(" s3cret", Doubt::Space)]
    #[case::white_space_alone("  ", Doubt::Space)]
    #[case::two_lines("one\ntwo", Doubt::Control)]
    #[case::an_escape("s3\u{1b}cret", Doubt::Control)]
    #[case::a_byte_order_mark("\u{feff}s3cret", Doubt::Control)]
    fn a_value_that_cannot_be_meant_is_told_by_its_kind(#[case] value: &str, #[case] kind: Doubt) {
        assert_eq!(doubt("A.Key", value), Some(kind));
    }

    #[rstest]
    #[case("glpat-AbC123_x-y")]
    #[case("p$sword")]
    #[case("$ecretPassw0rd")]
    #[case("pa$$word{1}")]
    #[case("@dm1n!")]
    #[case("a b c")]
    #[case("it's")]
    #[case("<3 vault> no")]
    #[case("x")]
    #[case("100%")]
    #[case("Your_password1")]
    #[case("nullable")]
    #[case("AAAA//BB==")]
    fn a_value_that_may_be_meant_is_left_alone(#[case] value: &str) {
        assert_eq!(doubt("A.Key", value), None);
    }
}
