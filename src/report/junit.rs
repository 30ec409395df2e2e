//! The JUnit report, in the dialect that every dashboard reads: flat, one suite
//! a scenario, one case a stage, a key, a command or a step, or less ([`Detail`]).
//!
//! `junit-report` draws suites and cases; one pass over what it wrote adds what
//! it lacks: properties, the counts of skipped cases, and times that every parser takes. All text is made harmless before, because control
//! characters and `]]>` would make its output malformed.
//!
//! A scenario is measured as a whole. Its time stands at its first case, and
//! the others have 0: sums are right, and no time is invented.

use junit_report::{Duration, OffsetDateTime, Report, TestCase, TestResult, TestSuite};
use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::{Reader, Writer};

use super::answer::Answer;
use super::detail::{Detail, Part};
use super::summary;
use super::text::{identity, one_line, xml, xml_line};
use crate::event::RunResult;
use crate::verdict::Verdict;
use crate::verdict::result::{FindingKind, ScenarioResult};

/// The first part of every class name.
const ROOT: &str = "pmp-vault";

/// The longest name that every dashboard keeps whole.
pub const LONGEST_NAME: usize = 512;

/// The suite of what failed outside every scenario.
const OUTSIDE: &str = "run";

/// Why JUnit could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum JunitError {
    /// The library refused to write.
    #[error("{0}")]
    Draw(String),
    /// What it wrote is not XML.
    #[error("{0}")]
    Parse(#[from] quick_xml::Error),
    /// An attribute that it wrote is not XML.
    #[error("{0}")]
    Attribute(#[from] quick_xml::events::attributes::AttrError),
    /// It could not be written down.
    #[error("{0}")]
    Write(#[from] std::io::Error),
    /// It is not text.
    #[error("{0}")]
    Utf8(#[from] std::string::FromUtf8Error),
}

/// The report as text, with an answer for each scenario that failed. `outside` is what makes the run inconclusive although no
/// scenario says so: it becomes a case of its own, or dashboards would show a
/// run that passed.
///
/// # Errors
/// Where a library refuses to write; no text that a result holds leads to it.
pub fn render(
    result: &RunResult,
    answers: &[Option<Answer>],
    outside: Option<&str>,
    detail: Detail,
) -> Result<String, JunitError> {
    let started = instant(&result.facts.started);
    let answers = answers.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    let scenarios = result.scenarios.iter().zip(answers);
    let mut suites: Vec<TestSuite> =
        scenarios.map(|(scenario, answer)| suite(scenario, answer, started, detail)).collect();
    suites.extend(outside.map(|reason| outside_suite(reason, started)));
    let properties: Vec<_> = suites.iter().enumerate().map(|(index, _)| properties(result, index)).collect();
    draw(suites, properties)
}

/// Suites as text, each with its properties.
///
/// # Errors
/// Where a library refuses to write; no text that is harmless in XML leads to it.
pub fn draw(suites: Vec<TestSuite>, properties: Vec<Vec<(String, String)>>) -> Result<String, JunitError> {
    let skipped: Vec<usize> = suites.iter().map(TestSuite::skipped).collect();

    let mut report = Report::new();
    report.add_testsuites(suites);
    let mut drawn = Vec::new();
    report.write_xml(&mut drawn).map_err(|error| JunitError::Draw(error.to_string()))?;
    complete(&String::from_utf8(drawn)?, &skipped, &properties)
}

fn suite(scenario: &ScenarioResult, answer: Option<&Answer>, started: OffsetDateTime, detail: Detail) -> TestSuite {
    let mut suite = empty_suite(&scenario.id, &format!("{ROOT}.{}", scenario.group()), started);
    suite.testcases = test_cases(scenario, answer, &scenario.id, detail);
    let mut out = if scenario.verdict == Verdict::Conformant { String::new() } else { seen(scenario) };
    for (_, case) in summary::warnings(std::slice::from_ref(scenario)) {
        let cause = case.cause.as_ref().map_or("", |cause| cause.as_str());
        out += &format!("\nwarning: {}: {} ({cause})", case.subject, case.message);
    }
    suite.system_out = Some(xml(out.trim_start()));
    suite
}

/// The cases of a scenario. `class` is what their class is called within ours.
pub fn test_cases(scenario: &ScenarioResult, answer: Option<&Answer>, class: &str, detail: Detail) -> Vec<TestCase> {
    let parts = detail.parts(scenario, answer);
    let mut cases: Vec<TestCase> = parts.iter().map(|part| test_case(scenario, answer, class, part)).collect();
    if let Some(first) = cases.first_mut() {
        first.time = Duration::milliseconds(i64::try_from(scenario.timings.total_ms).unwrap_or(i64::MAX));
    }
    cases
}

/// A suite without cases. Ant's schema wants what it printed, where that is nothing, too.
pub fn empty_suite(name: &str, package: &str, started: OffsetDateTime) -> TestSuite {
    let mut suite = TestSuite::new(&identity(name, LONGEST_NAME));
    suite.package = identity(package, LONGEST_NAME);
    // The machine's own name would make the same case another one on another machine.
    suite.hostname = "localhost".to_owned();
    suite.timestamp = started;
    suite.system_out = Some(String::new());
    suite.system_err = Some(String::new());
    suite
}

fn outside_suite(reason: &str, started: OffsetDateTime) -> TestSuite {
    let mut suite = empty_suite(OUTSIDE, &format!("{ROOT}.{OUTSIDE}"), started);
    suite.add_testcase(outside_case(reason, OUTSIDE));
    suite
}

/// The case of what makes a run inconclusive although no scenario says so.
pub fn outside_case(reason: &str, class: &str) -> TestCase {
    let mut case = TestCase::success(&format!("{OUTSIDE}: complete"), Duration::ZERO);
    case.set_classname(&identity(&format!("{ROOT}.{class}"), LONGEST_NAME));
    // GitLab reads only the text, others only the attribute.
    let (message, cause) = (xml_line(reason), Some(xml_line(reason)));
    case.result = TestResult::Error { type_: "inconclusive".to_owned(), message, cause };
    case
}

fn test_case(scenario: &ScenarioResult, answer: Option<&Answer>, class: &str, part: &Part<'_>) -> TestCase {
    let mut test = TestCase::success(&identity(&part.name, LONGEST_NAME), Duration::ZERO);
    test.set_classname(&identity(&format!("{ROOT}.{class}"), LONGEST_NAME));
    let own = xml_line(if part.message.is_empty() { &scenario.reason } else { &part.message });
    let answer = answer.filter(|_| matches!(part.verdict, Verdict::Nonconformant | Verdict::Inconclusive));
    let what = part.what.filter(|_| answer.is_some()).map(xml_line);
    let message = match &what {
        Some(what) => format!("{what} {own}"),
        None => own,
    };
    let message = match &scenario.known {
        Some(known) if part.verdict == Verdict::Nonconformant => {
            format!("known until {} ({}): {message}", xml_line(&known.expires), xml_line(&known.owner))
        }
        _ => message,
    };
    let cause = part.cause.map(|cause| xml_line(cause.as_str()));
    let type_ = cause.unwrap_or_else(|| part.verdict.as_str().to_owned());
    // GitLab reads only the text, others only the attribute.
    let text = Some(xml(&explanation(scenario, answer.filter(|_| what.is_some()), part, &message)));
    test.result = match part.verdict {
        Verdict::Conformant => TestResult::Success,
        Verdict::Nonconformant if scenario.known.is_none() => TestResult::Failure { type_, message, cause: text },
        Verdict::Inconclusive => TestResult::Error { type_, message, cause: text },
        Verdict::Nonconformant | Verdict::KnownDeviation | Verdict::Skipped => {
            TestResult::SkippedWithCause { type_, message, cause: text }
        }
    };
    test
}

/// The message again, what to do and to type about it where it is the scenario's own answer, which cases it is about
/// where it stands for several, and the evidence.
fn explanation(scenario: &ScenarioResult, answer: Option<&Answer>, part: &Part<'_>, message: &str) -> String {
    let mut text = format!("{message}\n");
    if let Some(answer) = answer.filter(|answer| message.starts_with(&xml_line(&answer.what))) {
        let todo = [Some(&answer.todo), answer.then.as_ref()];
        text.extend(todo.into_iter().flatten().map(|line| format!("{}\n", one_line(line))));
        text.extend(answer.commands.iter().map(|line| format!("  {line}\n")));
        text.extend(answer.one_of.iter().map(|said| format!("may be {}: {} {}\n", said.cause, said.what, said.todo)));
    }
    // A case of its own says what else is wrong where there is one for it.
    for said in answer.iter().filter(|_| !part.of.is_empty()).flat_map(|answer| &answer.besides) {
        text += &format!("besides {}: {} {}\n", said.cause, said.what, said.todo);
        text.extend(said.commands.iter().map(|line| format!("  {line}\n")));
    }
    text.extend(part.which().iter().map(|line| format!("{}\n", one_line(line))));
    text + &format!("expected: {}\n{}", scenario.expected, seen(scenario))
}

/// What the client saw, and what the server says of it.
fn seen(scenario: &ScenarioResult) -> String {
    let mut lines = format!("observed: {}", scenario.observed.phrase());
    if let Some(text) = scenario.observed.client_saw() {
        lines += &format!("\nclient saw: {text}");
    }
    if let Some(server) = &scenario.observed.server {
        lines += &format!("\nserver said: {server}");
    }
    lines
}

/// A run's start, `YYYY-MM-DDTHH:MM:SS` in UTC; the epoch where it is none.
#[must_use]
pub fn instant(started: &str) -> OffsetDateTime {
    started
        .parse::<jiff::civil::DateTime>()
        .ok()
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .and_then(|time| OffsetDateTime::from_unix_timestamp(time.timestamp().as_second()).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn properties(result: &RunResult, suite: usize) -> Vec<(String, String)> {
    let facts = &result.facts;
    let mut properties = vec![
        ("run".to_owned(), facts.id.clone()),
        ("harness".to_owned(), facts.harness.clone()),
        ("profile".to_owned(), facts.profile.clone()),
        ("key-revision".to_owned(), facts.key_revision.clone()),
        ("testbed".to_owned(), facts.testbed.clone()),
    ];
    properties.extend(facts.reused.iter().map(|run| ("reused".to_owned(), run.clone())));
    properties.extend(facts.versions.iter().map(|(name, version)| (format!("version.{name}"), version.clone())));
    properties.extend(facts.images.iter().map(|(name, image)| (format!("image.{name}"), image.clone())));
    if let Some(scenario) = result.scenarios.get(suite) {
        properties.push(("verdict".to_owned(), scenario.verdict.to_string()));
        properties.push(("evidence".to_owned(), scenario.evidence.name().to_owned()));
        properties.push(("title".to_owned(), scenario.title.clone()));
        properties.push(("page".to_owned(), scenario.page.clone()));
        properties.extend(scenario.known.iter().flat_map(|known| {
            [("known-owner".to_owned(), known.owner.clone()), ("known-until".to_owned(), known.expires.clone())]
        }));
        properties.extend(scenario.control.iter().map(|control| ("control".to_owned(), control.clone())));
        properties.extend(scenario.findings.iter().map(|finding| {
            let name = match finding.kind {
                FindingKind::Defect => "defect",
                FindingKind::NotDocumented => "not-documented",
            };
            (name.to_owned(), finding.defect.clone())
        }));
    }
    properties
}

/// The one pass over what the library wrote.
fn complete(drawn: &str, skipped: &[usize], properties: &[Vec<(String, String)>]) -> Result<String, JunitError> {
    let mut reader = Reader::from_str(drawn);
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let mut suites = skipped.iter().zip(properties);
    loop {
        match reader.read_event()? {
            Event::Eof => break,
            Event::Start(element) => match element.name().as_ref() {
                b"testsuite" => open_suite(&mut writer, &element, suites.next())?,
                _ => writer.write_event(Event::Start(mended(&element)?))?,
            },
            Event::Empty(element) => match element.name().as_ref() {
                b"testsuite" => {
                    open_suite(&mut writer, &element, suites.next())?;
                    writer.write_event(Event::End(BytesEnd::new("testsuite")))?;
                }
                _ => writer.write_event(Event::Empty(mended(&element)?))?,
            },
            event => writer.write_event(event)?,
        }
    }
    let mut text = String::from_utf8(writer.into_inner())?;
    text.push('\n');
    Ok(text)
}

fn open_suite(
    writer: &mut Writer<Vec<u8>>,
    element: &BytesStart<'_>,
    suite: Option<(&usize, &Vec<(String, String)>)>,
) -> Result<(), JunitError> {
    let mut mended = mended(element)?;
    let Some((skipped, properties)) = suite else {
        return Ok(writer.write_event(Event::Start(mended))?);
    };
    mended.push_attribute(("skipped", skipped.to_string().as_str()));
    writer.write_event(Event::Start(mended))?;
    writer.write_event(Event::Start(BytesStart::new("properties")))?;
    for (name, value) in properties {
        let mut property = BytesStart::new("property");
        property.push_attribute(("name", identity(name, LONGEST_NAME).as_str()));
        property.push_attribute(("value", xml_line(value).as_str()));
        writer.write_event(Event::Empty(property))?;
    }
    Ok(writer.write_event(Event::End(BytesEnd::new("properties")))?)
}

/// The element with times as `%.3f` and a timestamp without zone, as the schemas want them.
fn mended(element: &BytesStart<'_>) -> Result<BytesStart<'static>, JunitError> {
    let name = String::from_utf8_lossy(element.name().as_ref()).into_owned();
    let mut mended = BytesStart::new(name);
    for attribute in element.attributes() {
        let mut attribute = attribute?;
        let value = String::from_utf8_lossy(&attribute.value).into_owned();
        match attribute.key.as_ref() {
            b"time" => attribute.value = format!("{:.3}", value.parse().unwrap_or(0.0)).into_bytes().into(),
            b"timestamp" => attribute.value = value.chars().take(19).collect::<String>().into_bytes().into(),
            _ => {}
        }
        mended.push_attribute(attribute);
    }
    Ok(mended)
}
