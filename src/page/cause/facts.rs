//! What is known of facts: seen, seen not to be, or not known.

use std::collections::BTreeSet;

use super::fact::Fact;

/// What is known of facts. One of which nothing is said is not known, unless
/// the probe itself would have seen it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    seen: BTreeSet<Fact>,
    seen_not_to_be: BTreeSet<Fact>,
}

impl Facts {
    /// It was seen. What was seen once is not made unseen by a later look.
    pub fn see(&mut self, fact: Fact) {
        self.seen.insert(fact);
    }

    /// It was seen not to be.
    pub fn deny(&mut self, fact: Fact) {
        self.seen_not_to_be.insert(fact);
    }

    /// Whatever a look at it gave; nothing where it could not be looked at.
    pub fn note(&mut self, fact: Fact, holds: Option<bool>) {
        match holds {
            Some(true) => self.see(fact),
            Some(false) => self.deny(fact),
            None => {}
        }
    }

    /// Everything that another look gave, too.
    pub fn extend(&mut self, other: &Self) {
        self.seen.extend(&other.seen);
        self.seen_not_to_be.extend(&other.seen_not_to_be);
    }

    /// Whether it holds; none where that is not known.
    #[must_use]
    pub fn of(&self, fact: Fact) -> Option<bool> {
        if self.seen.contains(&fact) {
            return Some(true);
        }
        (self.seen_not_to_be.contains(&fact) || fact.seen_by_probe()).then_some(false)
    }
}

/// Those that were seen; of the others nothing is known but what the probe sees itself.
impl FromIterator<Fact> for Facts {
    fn from_iter<I: IntoIterator<Item = Fact>>(facts: I) -> Self {
        Self { seen: facts.into_iter().collect(), seen_not_to_be: BTreeSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_looked_at_is_not_known_but_what_the_probe_does_not_see_is_not() {
        let mut facts = Facts::default();
        assert_eq!((facts.of(Fact::ForeignCa), facts.of(Fact::TokenAbsent)), (None, Some(false)));
        facts.deny(Fact::ForeignCa);
        assert_eq!(facts.of(Fact::ForeignCa), Some(false));
        facts.see(Fact::ForeignCa);
        assert_eq!(facts.of(Fact::ForeignCa), Some(true));
    }
}
