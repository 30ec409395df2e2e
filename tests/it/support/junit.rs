//! JUnit as strict parsers read it, and the limits that two schemas set.

use std::collections::BTreeMap;

use quick_xml::events::Event;

/// An element of JUnit with its attributes, its children's names in order and its text.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub children: Vec<Element>,
    pub text: String,
}

impl Element {
    /// A suite's own count, or all of them added up.
    pub fn count(&self, attribute: &str) -> usize {
        match self.name.as_str() {
            "testsuites" => self.children.iter().map(|suite| suite.count(attribute)).sum(),
            _ => self.attributes[attribute].parse().unwrap(),
        }
    }

    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// Parses strictly: an unknown entity, a bad attribute or an open element is an error.
fn parse(text: &str) -> Element {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().enable_all_checks(true);
    let mut open = vec![Element::default()];
    let element = |start: &quick_xml::events::BytesStart<'_>| Element {
        name: String::from_utf8(start.name().as_ref().to_vec()).unwrap(),
        attributes: start
            .attributes()
            .map(|attribute| {
                let attribute = attribute.unwrap();
                let name = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                let value = quick_xml::escape::unescape(std::str::from_utf8(&attribute.value).unwrap()).unwrap();
                (name, value.into_owned())
            })
            .collect(),
        ..Element::default()
    };
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => open.push(element(&start)),
            Event::Empty(start) => open.last_mut().unwrap().children.push(element(&start)),
            Event::End(_) => {
                let done = open.pop().unwrap();
                open.last_mut().unwrap().children.push(done);
            }
            Event::CData(data) => open.last_mut().unwrap().text += &data.decode().unwrap(),
            Event::Text(text) => open.last_mut().unwrap().text += &text.decode().unwrap(),
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open.len(), 1, "everything that was opened is closed");
    open.pop().unwrap().children.pop().unwrap()
}

/// What strict parsers demand, and that every count is the number of what is there.
pub fn check_junit(text: &str) -> Element {
    let forbidden =
        |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    assert!(!text.contains(forbidden), "a character that XML 1.0 forbids");
    let root = parse(text);
    within_limits(&root, "testsuites");
    for suite in &root.children {
        let with = |name: &str| suite.named("testcase").filter(|case| case.named(name).next().is_some()).count();
        let counts = [suite.named("testcase").count(), with("failure"), with("error"), with("skipped")];
        for (index, name) in ["tests", "failures", "errors", "skipped"].into_iter().enumerate() {
            assert_eq!(suite.count(name), counts[index], "{name}");
        }
        for case in suite.named("testcase") {
            assert!(case.attributes["name"].is_ascii() && case.attributes["name"].len() <= 512);
            for outcome in &case.children {
                assert!(outcome.text.contains(outcome.attributes["message"].as_str()), "the message again in the text");
            }
        }
    }
    root
}

/// What an attribute holds.
#[derive(Debug, Clone, Copy)]
enum Holds {
    /// Any text.
    Text,
    /// A text with something in it besides white space.
    Name,
    /// A number of cases or of suites.
    Count,
    /// Seconds, with three digits behind the point and no sign for thousands.
    Seconds,
    /// UTC without a zone: `2026-01-02T03:04:05`.
    Timestamp,
}

impl Holds {
    fn holds(self, value: &str) -> bool {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            Self::Text => true,
            Self::Name => !value.trim().is_empty(),
            Self::Count => digits(value) && value.parse::<i32>().is_ok(),
            Self::Seconds => {
                value.split_once('.').is_some_and(|(whole, part)| digits(whole) && digits(part) && part.len() == 3)
            }
            Self::Timestamp => {
                let shape: String = value.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
                shape == "0000-00-00T00:00:00" && value.parse::<jiff::civil::DateTime>().is_ok()
            }
        }
    }
}

/// What an element may be: exactly these attributes, and these children in this order.
struct Limit {
    element: &'static str,
    attributes: &'static [(&'static str, Holds)],
    /// Each with how often it is there at least and at most.
    children: &'static [(&'static str, usize, usize)],
    text: bool,
}

const MANY: usize = usize::MAX;

const OUTCOME: &[(&str, Holds)] = &[("type", Holds::Text), ("message", Holds::Text)];

/// What both schemas allow: that of Jenkins' xunit plugin (`junit-10.xsd`), which that plugin refuses files by, and that of
/// Ant's JUnit task as it is commonly written down (`JUnit.xsd`). Each allows more in its own way; this is where they meet.
const LIMITS: &[Limit] = &[
    // Ant's allows no attribute here, and Jenkins' no `skipped`. A reader that finds no counts adds up those of the suites.
    Limit { element: "testsuites", attributes: &[], children: &[("testsuite", 0, MANY)], text: false },
    Limit {
        element: "testsuite",
        attributes: &[
            ("id", Holds::Count),
            ("name", Holds::Name),
            ("package", Holds::Name),
            ("tests", Holds::Count),
            ("failures", Holds::Count),
            ("errors", Holds::Count),
            ("skipped", Holds::Count),
            ("hostname", Holds::Name),
            ("timestamp", Holds::Timestamp),
            ("time", Holds::Seconds),
        ],
        // Ant's wants all of them and in this order.
        children: &[("properties", 1, 1), ("testcase", 0, MANY), ("system-out", 1, 1), ("system-err", 1, 1)],
        text: false,
    },
    Limit { element: "properties", attributes: &[], children: &[("property", 0, MANY)], text: false },
    Limit {
        element: "property",
        attributes: &[("name", Holds::Name), ("value", Holds::Text)],
        children: &[],
        text: false,
    },
    Limit {
        element: "testcase",
        attributes: &[("name", Holds::Name), ("classname", Holds::Name), ("time", Holds::Seconds)],
        // Ant's allows one of them.
        children: &[("failure", 0, 1), ("error", 0, 1), ("skipped", 0, 1)],
        text: false,
    },
    Limit { element: "failure", attributes: OUTCOME, children: &[], text: true },
    Limit { element: "error", attributes: OUTCOME, children: &[], text: true },
    Limit { element: "skipped", attributes: OUTCOME, children: &[], text: true },
    Limit { element: "system-out", attributes: &[], children: &[], text: true },
    Limit { element: "system-err", attributes: &[], children: &[], text: true },
];

/// Asserts that the element is what both schemas allow, and all below it.
fn within_limits(element: &Element, expected: &str) {
    assert_eq!(element.name, expected);
    let limit = LIMITS.iter().find(|limit| limit.element == expected).unwrap();
    let mut names: Vec<&str> = limit.attributes.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(element.attributes.keys().collect::<Vec<_>>(), names, "the attributes of {expected}");
    for (name, holds) in limit.attributes {
        let value = &element.attributes[*name];
        assert!(holds.holds(value), "{expected}: {name} is {value:?}, and should be {holds:?}");
    }
    assert!(limit.text || element.text.trim().is_empty(), "{expected} has text: {:?}", element.text);
    let mut rest = element.children.as_slice();
    for (name, least, most) in limit.children {
        let count = rest.iter().take_while(|child| child.name == *name).count();
        assert!((*least..=*most).contains(&count), "{expected} has {count} of {name}");
        rest[..count].iter().for_each(|child| within_limits(child, name));
        rest = &rest[count..];
    }
    assert!(rest.is_empty(), "{expected} has {} where it may not be", rest[0].name);
    let outcomes = element.name == "testcase" && element.children.len() > 1;
    assert!(!outcomes, "a case has one outcome at most");
}
