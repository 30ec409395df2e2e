//! What began and ended when, as a picture.

use super::word::{plural, seconds};
use crate::event::{Span, SpanKind};
use crate::report::json::Report;

/// The height of a bar with its gap, the room for names, and that for bars, in units of the picture.
const ROW: u64 = 16;
const NAMES: u64 = 300;
const BARS: u64 = 700;

/// The picture.
pub struct Timeline {
    /// Its height.
    pub height: u64,
    /// What it shows, in words.
    pub words: String,
    /// Lines of time, each with its place and its label.
    pub ticks: Vec<(u64, String)>,
    /// The bars, by their beginning: steps first.
    pub bars: Vec<Bar>,
}

/// One bar.
pub struct Bar {
    /// What it is of.
    pub name: String,
    /// Which colours it has: `step`, `failed`, or a verdict's word.
    pub class: &'static str,
    /// Where it is.
    pub y: u64,
    /// Parts of it: `wait`, `configure`, `observe` or `all`, each with its place and its width.
    pub parts: Vec<(&'static str, u64, u64)>,
    /// From when to when.
    pub words: String,
}

/// Nothing where the record has no times.
pub fn timeline(report: &Report) -> Option<Timeline> {
    let mut spans: Vec<&Span> = report.timeline.iter().collect();
    let end = spans.iter().map(|span| span.to_ms).max().filter(|end| *end > 0)?;
    spans.sort_by_key(|span| (span.kind == SpanKind::Scenario, span.from_ms));
    let at = |time: u64| NAMES + time.min(end) * BARS / end;
    let bars: Vec<Bar> = (1..)
        .zip(&spans)
        .map(|(row, span)| {
            let (class, parts) = parts(report, span);
            Bar {
                name: span.name.clone(),
                class,
                y: row * ROW,
                parts: parts
                    .into_iter()
                    .map(|(kind, from, to)| (kind, at(from), (at(to.max(from)) - at(from)).max(1)))
                    .collect(),
                words: words(span),
            }
        })
        .collect();
    let steps = spans.iter().filter(|span| span.kind == SpanKind::Step).count();
    let longest = spans.iter().max_by_key(|span| span.to_ms.saturating_sub(span.from_ms)).map_or("", |span| &span.name);
    let words = format!(
        "{} and {} in {}; the longest was {longest}",
        plural(steps, "step"),
        plural(spans.len() - steps, "scenario"),
        seconds(end)
    );
    let every = tick(end);
    let ticks = (0..=end / every).map(|tick| (at(tick * every), format!("{} s", tick * every / 1000))).collect();
    Some(Timeline { height: (spans.len() as u64 + 2) * ROW, words, ticks, bars })
}

fn tick(end: u64) -> u64 {
    [1000, 2000, 5000, 10_000, 20_000, 60_000, 120_000, 300_000]
        .into_iter()
        .find(|every| end / every <= 12)
        .unwrap_or(600_000)
}

fn words(span: &Span) -> String {
    let cut = if span.done { "" } else { "; it did not come to its end" };
    let took = span.to_ms.saturating_sub(span.from_ms);
    format!("{}: from {} to {}, {}{cut}", span.name, seconds(span.from_ms), seconds(span.to_ms), seconds(took))
}

type Parts = Vec<(&'static str, u64, u64)>;

/// A scenario has waited for its turn for as long as it went on without being at work; that is shown first.
fn parts(report: &Report, span: &Span) -> (&'static str, Parts) {
    let whole = ("all", span.from_ms, span.to_ms);
    if span.kind == SpanKind::Step {
        return (if span.done { "step" } else { "failed" }, vec![whole]);
    }
    let Some(scenario) = report.scenarios.iter().find(|scenario| scenario.id == span.name) else {
        return ("step", vec![whole]);
    };
    let class = scenario.verdict.as_str();
    let timings = &scenario.timings;
    if !span.done || timings.total_ms == 0 {
        return (class, vec![whole]);
    }
    let works = span.to_ms.saturating_sub(timings.total_ms).max(span.from_ms);
    let observes = works.saturating_add(timings.configure_ms).min(span.to_ms);
    (class, vec![("wait", span.from_ms, works), ("configure", works, observes), ("observe", observes, span.to_ms)])
}
