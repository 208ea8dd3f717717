//! Gate runs as SARIF 2.1.0 have the shape that its schema asks for. The rules stand here for the
//! parts that monban writes, as the specification has them: the schema itself is not kept here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use monban::base::clock::Timestamp;
use monban::base::foreign::Foreign;
use monban::base::id::RunId;
use monban::gate::sarif::document;
use monban::model::verdict::{Finding, GateRun, Given, Outcome, Verdict, Weight};
use serde_json::Value;

/// What a value has to be.
enum Shape {
    Text,
    /// At least so much.
    Number(i64),
    One(&'static [&'static str]),
    Object(&'static str),
    List(&'static str),
    Anything,
}

use Shape::{Anything, List, Number, Object, One, Text};

/// A key, what its value has to be, and whether it must be there.
type Key = (&'static str, Shape, bool);

/// The objects with their keys. No other key may be.
const OBJECTS: &[(&str, &[Key])] = &[
    (
        "log",
        &[
            ("$schema", Text, false),
            ("version", One(&["2.1.0"]), true),
            ("runs", List("run"), true),
        ],
    ),
    (
        "run",
        &[
            ("tool", Object("tool"), true),
            ("automationDetails", Object("details"), false),
            ("results", List("result"), false),
            ("properties", Anything, false),
        ],
    ),
    ("tool", &[("driver", Object("driver"), true)]),
    ("driver", &[("name", Text, true), ("version", Text, false), ("rules", List("rule"), false)]),
    ("rule", &[("id", Text, true)]),
    ("details", &[("id", Text, false)]),
    (
        "result",
        &[
            ("ruleId", Text, false),
            ("ruleIndex", Number(-1), false),
            (
                "kind",
                One(&["notApplicable", "pass", "fail", "review", "open", "informational"]),
                false,
            ),
            ("level", One(&["none", "note", "warning", "error"]), false),
            ("message", Object("message"), true),
            ("locations", List("location"), false),
        ],
    ),
    ("message", &[("text", Text, true)]),
    ("location", &[("physicalLocation", Object("place"), false)]),
    (
        "place",
        &[("artifactLocation", Object("artifact"), true), ("region", Object("region"), false)],
    ),
    ("artifact", &[("uri", Text, false), ("uriBaseId", Text, false)]),
    ("region", &[("startLine", Number(1), false), ("snippet", Object("content"), false)]),
    ("content", &[("text", Text, false)]),
];

/// Everything in which a value is not what it has to be.
fn faults(at: &str, value: &Value, shape: &Shape) -> Vec<String> {
    let is_so = match shape {
        Text => value.is_string(),
        Number(least) => value.as_i64().is_some_and(|number| number >= *least),
        One(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Anything => value.is_object(),
        List(of) => {
            let Some(all) = value.as_array() else { return vec![format!("{at} is no list")] };
            let one = |(n, one)| faults(&format!("{at}[{n}]"), one, &Object(of));
            return all.iter().enumerate().flat_map(one).collect();
        }
        Object(name) => {
            let Some(object) = value.as_object() else { return vec![format!("{at} is no object")] };
            let (_, keys) = OBJECTS.iter().find(|(known, _)| known == name).unwrap();
            let unknown = object.keys().filter(|key| !keys.iter().any(|(known, ..)| known == key));
            let mut found: Vec<String> =
                unknown.map(|key| format!("{at}.{key} is not known")).collect();
            for (key, shape, must) in *keys {
                match object.get(*key) {
                    Some(value) => found.extend(faults(&format!("{at}.{key}"), value, shape)),
                    None if *must => found.push(format!("{at}.{key} is missing")),
                    None => {}
                }
            }
            return found;
        }
    };
    if is_so { Vec::new() } else { vec![format!("{at} is {value}")] }
}

/// What the prose asks for besides.
fn disagreements(document: &Value) -> Vec<String> {
    let run = &document["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap().iter();
    let wrong = results.filter(|result| {
        let rule = result["ruleIndex"].as_u64().and_then(|index| rules.get(index as usize));
        let is_rule = rule.is_some_and(|rule| rule["id"] == result["ruleId"]);
        let is_level = (result["kind"] == "fail") != (result["level"] == "none");
        !is_rule || !is_level
    });
    wrong.map(Value::to_string).collect()
}

fn finding(weight: Weight, path: &str, line: Option<u32>) -> Finding {
    Finding {
        rule: "danger/process".into(),
        weight,
        path: Foreign::new(path),
        line,
        snippet: Foreign::new("Command::new(\u{202e}\"ls\")"),
        why: Foreign::new("starts other programs"),
    }
}

fn verdict(check: &str, outcome: Outcome) -> Verdict {
    let reason = Foreign::new("12 tests\u{202e}");
    Verdict { outcome, reason, attestation: None, ..Verdict::waiting(check, Vec::new()) }
}

/// A gate run in which everything happened that can.
fn gate(given: Option<&Given>) -> GateRun {
    let findings = vec![
        finding(Weight::Violation, "src/ä b:%.rs", Some(7)),
        finding(Weight::Notice, "src/c.rs", None),
        finding(Weight::Violation, "", None),
    ];
    let danger = Verdict { finding_count: 3, findings, ..verdict("danger", Outcome::Fail) };
    let statements = vec![Foreign::new("I ran it on a phone"), Foreign::new("and\u{200b}read it")];
    let mut gate = GateRun {
        run: RunId(7),
        snapshot: 1,
        tree: "t".into(),
        branch: "refs/heads/main".into(),
        gate_hash: "g".into(),
        policy: "p".into(),
        started_at: Timestamp::default(),
        verdicts: Some(vec![
            danger,
            verdict("secrets", Outcome::Pass),
            verdict("lint", Outcome::Fail),
            verdict("test", Outcome::NotRun),
            Verdict::waiting("human", statements),
        ]),
        toolchain: Vec::new(),
    };
    gate.attest(given);
    gate
}

#[test]
fn every_document_has_the_shape_of_the_schema() {
    let given =
        Given { by: Foreign::new("dj\u{202e}"), at: Timestamp::default(), digest: "d".into() };
    let none = GateRun { verdicts: None, ..gate(None) };
    for gate in [gate(None), gate(Some(&given)), none] {
        let document = serde_json::to_value(document(&gate)).unwrap();
        assert_eq!(faults("log", &document, &Object("log")), Vec::<String>::new(), "{document:#}");
        assert_eq!(disagreements(&document), Vec::<String>::new());
    }
}

#[test]
fn the_rules_find_what_the_schema_refuses() {
    let good = serde_json::to_value(document(&gate(None))).unwrap();
    let broken = [
        ("/version", Value::from("2.0.0")),
        ("/runs/0/tool/driver/name", Value::Null),
        ("/runs/0/results/0/kind", Value::from("waiting")),
        ("/runs/0/results/0/message", serde_json::json!({ "markdown": "x" })),
        ("/runs/0/results/0/locations/0/physicalLocation/region/startLine", Value::from(0)),
    ];
    for (at, value) in broken {
        let mut document = good.clone();
        *document.pointer_mut(at).unwrap() = value;
        assert!(!faults("log", &document, &Object("log")).is_empty(), "{at}");
    }
}

#[test]
fn what_waits_for_a_person_is_to_be_reviewed_and_what_they_attested_names_them() {
    let of_person = |gate: &GateRun| {
        let document = serde_json::to_value(document(gate)).unwrap();
        let results = document["runs"][0]["results"].as_array().unwrap();
        let result = results.iter().find(|it| it["ruleId"] == "human").unwrap();
        let message = result["message"]["text"].as_str().unwrap().to_owned();
        (result["kind"].as_str().unwrap().to_owned(), message)
    };
    let (kind, message) = of_person(&gate(None));
    assert_eq!(kind, "review");
    assert!(message.ends_with(": \"I ran it on a phone\", \"and\\u{200b}read it\""), "{message}");
    let given = Given { by: Foreign::new("dj"), at: Timestamp::default(), digest: "d".into() };
    let (kind, message) = of_person(&gate(Some(&given)));
    assert_eq!(kind, "pass");
    assert!(message.starts_with("attested by dj at 1970-01-01"), "{message}");
    assert!(message.contains("I ran it on a phone"), "{message}");
}
