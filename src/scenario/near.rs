//! What a word with a slip may have meant.

/// Up to three candidates that may have been meant by the word, the nearest first.
pub fn near<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<String> {
    let limit = word.chars().count() / 3 + 1;
    let distance = |candidate: &str| strsim::levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
    let mut offers: Vec<(usize, &str)> = candidates
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit || (word.len() > 3 && candidate.contains(word)))
        .collect();
    offers.sort_unstable();
    offers.into_iter().take(3).map(|(_, candidate)| candidate.to_owned()).collect()
}
