//! Whether two texts say the same but for what differs in every run: ids, addresses, times.

/// The text with `#` for what no two runs have alike: the run's id, and words and numbers that look made up.
#[must_use]
pub fn lasting(text: &str, run: &str) -> String {
    let text = if run.is_empty() { text.to_owned() } else { text.replace(run, "#") };
    let text = without_addresses(&text);
    let mut lasting = String::with_capacity(text.len());
    let mut word = String::new();
    for sign in text.chars().chain([' ']) {
        if sign.is_ascii_alphanumeric() {
            word.push(sign);
            continue;
        }
        lasting.push_str(if made_up(&word) { "#" } else { &word });
        word.clear();
        lasting.push(sign);
    }
    lasting.pop();
    // A figure with a fraction is a time.
    seconds(&lasting)
}

/// Each testbed has a network of its own.
fn without_addresses(text: &str) -> String {
    let of_an_address = |sign: char| sign.is_ascii_digit() || sign == '.';
    let mut rest = text;
    let mut without = String::with_capacity(text.len());
    while let Some(from) = rest.find(of_an_address) {
        let to = rest[from..].find(|sign| !of_an_address(sign)).map_or(rest.len(), |length| from + length);
        let piece = &rest[from..to];
        without.push_str(&rest[..from]);
        without.push_str(if piece.trim_end_matches('.').parse::<std::net::Ipv4Addr>().is_ok() { "#" } else { piece });
        rest = &rest[to..];
    }
    without + rest
}

/// A port, the digits of a time, an accessor, a part of a UUID, a hash.
fn made_up(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    digits == word.len() && digits > 3 || digits > 0 && digits < word.len() && word.len() > 5
}

fn seconds(text: &str) -> String {
    let words = text.split(' ').collect::<Vec<_>>();
    let time = |at: usize| {
        let figure = words[at].chars().all(|sign| sign.is_ascii_digit() || sign == '.') && !words[at].is_empty();
        let unit = words.get(at + 1).map(|unit| unit.trim_end_matches([',', ';', ':', '.', ')']));
        figure && matches!(unit, Some("s" | "ms"))
    };
    (0..words.len()).map(|at| if time(at) { "#" } else { words[at] }).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_two_runs_have_alike_is_left_aside_and_nothing_else() {
        for (a, b) in [
            ("User rjela9jfj-auth-issuer", "User r34otbfm0-auth-issuer"),
            ("http://127.0.0.1:45123/v1", "http://127.0.0.1:38000/v1"),
            ("auth_kubernetes_1a2b3c4d: no", "auth_kubernetes_ffee0012: no"),
            ("dial tcp 192.168.128.3:6443: refused", "dial tcp 172.20.0.3:6443: refused"),
            ("gave up after 5.2 s, too", "gave up after 4 s, too"),
        ] {
            let [a, b] = [lasting(a, "rjela9jfj"), lasting(b, "r34otbfm0")];
            assert_eq!(a, b);
        }
        assert_ne!(lasting("status 403", ""), lasting("status 404", ""));
        assert_ne!(lasting("vault 1.21.0", ""), lasting("vault 1.20.0", ""));
    }
}
