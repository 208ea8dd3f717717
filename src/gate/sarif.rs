//! A gate run as SARIF 2.1.0, for tools that show findings of other tools.

use crate::model::verdict::{Finding, GateRun, Outcome, Verdict, Weight};
use serde::Serialize;
use std::collections::BTreeMap;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// The name that paths are relative to: the root of the repository.
const ROOT: &str = "SRCROOT";

/// The document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sarif {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    automation_details: Details,
    results: Vec<Result>,
    properties: Properties,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct Rule {
    id: String,
}

#[derive(Serialize)]
struct Details {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    tree: String,
    gate_hash: String,
    policy: String,
    /// The checks with what they said: a document without results is no pass.
    outcomes: BTreeMap<String, Outcome>,
    /// How many findings there are, of which the first are results.
    findings: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Result {
    rule_id: String,
    rule_index: usize,
    kind: &'static str,
    level: &'static str,
    message: Text,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Physical,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<Text>,
}

/// What a gate run found, and each check that did not pass although nothing it found says why.
pub fn document(gate: &GateRun) -> Sarif {
    let verdicts = gate.verdicts.as_deref().unwrap_or_default();
    let mut rules: Vec<String> = Vec::new();
    let mut results = Vec::new();
    for verdict in verdicts {
        let found = verdict.findings.iter().map(of_finding);
        let is_explained = verdict.findings.iter().any(|it| it.weight == Weight::Violation);
        let is_told = verdict.outcome != Outcome::Pass || verdict.attestation.is_some();
        let bare = is_told && !is_explained;
        for mut result in found.chain(bare.then(|| of_verdict(verdict))) {
            let known = rules.iter().position(|rule| *rule == result.rule_id);
            result.rule_index = known.unwrap_or(rules.len());
            if known.is_none() {
                rules.push(result.rule_id.clone());
            }
            results.push(result);
        }
    }
    let driver = Driver {
        name: "monban",
        version: env!("CARGO_PKG_VERSION"),
        rules: rules.into_iter().map(|id| Rule { id }).collect(),
    };
    let properties = Properties {
        tree: gate.tree.clone(),
        gate_hash: gate.gate_hash.clone(),
        policy: gate.policy.clone(),
        outcomes: verdicts.iter().map(|v| (v.check.clone(), v.outcome)).collect(),
        findings: verdicts.iter().map(|v| v.finding_count).sum(),
    };
    let automation_details = Details { id: format!("monban/{}", gate.run) };
    let run = Run { tool: Tool { driver }, automation_details, results, properties };
    Sarif { schema: SCHEMA, version: "2.1.0", runs: [run] }
}

fn of_finding(finding: &Finding) -> Result {
    let snippet = finding.snippet.shown();
    let message = match (finding.line, snippet.as_str()) {
        (None, snippet) if !snippet.is_empty() => format!("{}: {snippet}", finding.why.shown()),
        _ => finding.why.shown(),
    };
    let region = finding.line.map(|start_line| Region {
        start_line,
        snippet: (!snippet.is_empty()).then_some(Text { text: snippet }),
    });
    let artifact_location = Artifact { uri: uri(finding.path.raw()), uri_base_id: ROOT };
    let is_somewhere = !finding.path.raw().is_empty();
    let location = Location { physical_location: Physical { artifact_location, region } };
    Result {
        rule_id: finding.rule.clone(),
        rule_index: 0,
        kind: "fail",
        level: match finding.weight {
            Weight::Violation => "error",
            Weight::Notice => "warning",
        },
        message: Text { text: message },
        locations: is_somewhere.then_some(location).into_iter().collect(),
    }
}

/// A check that did not pass and names no place for it, as a command that failed or did not run;
/// and what a person attested.
fn of_verdict(verdict: &Verdict) -> Result {
    let (kind, level) = match verdict.outcome {
        Outcome::NotRun => ("open", "none"),
        Outcome::Waiting => ("review", "none"),
        Outcome::Pass => ("pass", "none"),
        Outcome::Fail => ("fail", "error"),
    };
    let statements = verdict.attestation.iter().flat_map(|it| &it.statements);
    let statements: Vec<String> = statements.map(|it| format!("\"{}\"", it.shown())).collect();
    let text = match statements.as_slice() {
        [] => verdict.reason.shown(),
        _ => format!("{}: {}", verdict.reason.shown(), statements.join(", ")),
    };
    Result {
        rule_id: verdict.check.clone(),
        rule_index: 0,
        kind,
        level,
        message: Text { text },
        locations: Vec::new(),
    }
}

/// A path as a relative reference.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let encode = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    path.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Timestamp;
    use crate::base::foreign::Foreign;
    use crate::base::id::RunId;
    use crate::gate::not_run;
    use serde_json::{Value, json};

    fn finding(path: &str, line: Option<u32>, weight: Weight) -> Finding {
        Finding {
            rule: "danger/eval".into(),
            weight,
            path: Foreign::new(path),
            line,
            snippet: Foreign::new("eval(\u{202e}x)"),
            why: Foreign::new("runs text as code"),
        }
    }

    fn shown(verdicts: Vec<Verdict>) -> Value {
        let gate = GateRun {
            run: RunId(71),
            snapshot: 1,
            tree: "t".into(),
            branch: "refs/heads/main".into(),
            gate_hash: "g".into(),
            policy: "p".into(),
            started_at: Timestamp::default(),
            verdicts: Some(verdicts),
            toolchain: Vec::new(),
        };
        serde_json::to_value(document(&gate)).unwrap()
    }

    #[test]
    fn findings_are_results_with_their_place_and_level() {
        let findings = vec![
            finding("src/ä b.js", Some(4), Weight::Violation),
            finding("src/c:d.js", None, Weight::Notice),
            finding("", None, Weight::Violation),
        ];
        let fail = Verdict {
            outcome: Outcome::Fail,
            findings,
            finding_count: 250,
            ..not_run("danger", None, "")
        };
        let test = not_run("test", Some("make test"), "not run since `danger` did not pass");
        let document = shown(vec![fail, test]);
        assert_eq!(document["version"], "2.1.0");
        let run = &document["runs"][0];
        let expected = json!({
            "ruleId": "danger/eval", "ruleIndex": 0, "kind": "fail", "level": "error",
            "message": { "text": "runs text as code" },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": "src/%C3%A4%20b.js", "uriBaseId": "SRCROOT" },
                "region": { "startLine": 4, "snippet": { "text": "eval(\\u{202e}x)" } },
            }}],
        });
        assert_eq!(run["results"][0], expected);
        let notice = &run["results"][1];
        let place = &notice["locations"][0]["physicalLocation"];
        assert_eq!((&notice["level"], &place["region"]), (&json!("warning"), &Value::Null));
        assert_eq!(place["artifactLocation"]["uri"], "src/c%3Ad.js");
        assert_eq!(run["results"][2]["locations"], Value::Null);
        assert_eq!(run["results"][3]["kind"], "open");
        assert_eq!(run["results"][3]["level"], "none");
        assert_eq!(run["results"][3]["ruleIndex"], 1);
        assert_eq!(
            run["tool"]["driver"]["rules"],
            json!([{ "id": "danger/eval" }, { "id": "test" }])
        );
        let outcomes = json!({ "danger": "fail", "test": "not-run" });
        assert_eq!(run["properties"]["outcomes"], outcomes);
        assert_eq!(run["properties"]["findings"], 250);
    }

    #[test]
    fn a_check_that_did_not_run_is_open_whatever_it_told() {
        let findings = vec![finding("a.js", None, Weight::Notice)];
        let verdict = Verdict { findings, finding_count: 1, ..not_run("danger", None, "unread") };
        let document = shown(vec![verdict]);
        let results = document["runs"][0]["results"].as_array().unwrap();
        let told: Vec<_> = results.iter().map(|it| (&it["ruleId"], &it["kind"])).collect();
        let (rule, check) = (json!("danger/eval"), json!("danger"));
        assert_eq!(told, [(&rule, &json!("fail")), (&check, &json!("open"))]);
    }
}
