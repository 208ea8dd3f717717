//! One record and its line: how it is written, checked and chained.
//!
//! A line is a JSON object whose last field is `sum`: the first 16 hexadecimal digits of the
//! SHA-256 over the previous record's sum and the line's own bytes before `,"sum":`. Checking needs
//! no second serialisation, so fields that a later version adds are covered too.

use crate::base::clock::Timestamp;
use crate::base::hash;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest line a record may have, in bytes.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// What the first record of a log is chained to.
pub(super) const FIRST_LINK: &str = "0000000000000000";

/// What every line begins with.
const RECORD_START: &[u8] = b"{\"seq\":";

const SUM_DIGITS: usize = FIRST_LINK.len();
const SUM_KEY: &[u8] = b",\"sum\":\"";
const SUM_END: &[u8] = b"\"}";
const SUFFIX_BYTES: usize = SUM_KEY.len() + SUM_DIGITS + SUM_END.len();

/// A fact in the log.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the log, counted from 1 without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The id by which receivers recognise a repetition; given by the writer.
    pub id: String,
    /// What kind of fact it is; unknown kinds are kept.
    #[serde(rename = "type")]
    pub kind: String,
    /// The fact, kept as it came.
    pub payload: Value,
    /// Whether the next record belongs to the same append. An append is recovered whole or not at
    /// all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// The checksum over this record and the sum of the one before it.
    pub sum: String,
}

/// A record that has no place in the log yet.
#[derive(Clone, PartialEq, Debug)]
pub struct NewRecord {
    /// When it happened.
    pub at: Timestamp,
    /// The id by which receivers recognise a repetition.
    pub id: String,
    /// What kind of fact it is.
    pub kind: String,
    /// The fact.
    pub payload: Value,
}

#[derive(Serialize)]
struct Content<'a> {
    seq: u64,
    at: Timestamp,
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    payload: &'a Value,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
}

/// Where a record stands in the log when it is written.
pub(super) struct Place<'a> {
    pub(super) seq: u64,
    pub(super) previous_sum: &'a str,
    pub(super) more: bool,
}

/// Writes `record` as a line with its newline, and returns its sum. A record that could not be read
/// back is refused here, where nothing is lost by it.
pub(super) fn encode(
    record: &NewRecord,
    place: &Place<'_>,
    out: &mut Vec<u8>,
) -> Result<String, String> {
    let content = Content {
        seq: place.seq,
        at: record.at,
        id: &record.id,
        kind: &record.kind,
        payload: &record.payload,
        more: place.more,
    };
    let mut line = serde_json::to_vec(&content).map_err(|error| error.to_string())?;
    line.pop();
    let sum = link(place.previous_sum, &line);
    line.extend_from_slice(SUM_KEY);
    line.extend_from_slice(sum.as_bytes());
    line.extend_from_slice(SUM_END);
    if line.len() > RECORD_BYTES_MAX {
        return Err(format!("it is {} bytes long, at most {RECORD_BYTES_MAX} fit", line.len()));
    }
    serde_json::from_slice::<Record>(&line)
        .map_err(|error| format!("it could not be read back: {error}"))?;
    line.push(b'\n');
    out.extend_from_slice(&line);
    Ok(sum)
}

/// The sums that a line may be chained to. While the log is whole there is one. After a bad line
/// there are two, what it says and what it should say, so that a good successor is still
/// recognised.
#[derive(Clone)]
pub(super) struct Links {
    stated: String,
    computed: String,
}

impl Links {
    pub(super) fn to(sum: &str) -> Self {
        Self { stated: sum.into(), computed: sum.into() }
    }

    /// The links for the line after `line`, whatever `line` is.
    pub(super) fn after(before: Option<&Self>, line: &[u8]) -> Self {
        let content = line.len().saturating_sub(SUFFIX_BYTES);
        let sum_start = line.len().saturating_sub(SUM_DIGITS + SUM_END.len());
        let sum_end = line.len().saturating_sub(SUM_END.len());
        let stated = String::from_utf8_lossy(&line[sum_start..sum_end]).into_owned();
        let computed = before.map(|links| link(&links.stated, &line[..content]));
        Self { computed: computed.unwrap_or_else(|| stated.clone()), stated }
    }

    fn fit(&self, content: &[u8], sum: &str) -> bool {
        link(&self.stated, content) == sum || link(&self.computed, content) == sum
    }
}

/// Reads a line (without its newline) that is chained to one of `links`; where they are not known,
/// its checksum cannot be tried.
pub(super) fn decode(line: &[u8], links: Option<&Links>) -> Result<Record, String> {
    let split = line.len().checked_sub(SUFFIX_BYTES).ok_or("the line is too short")?;
    let (content, suffix) = line.split_at(split);
    let sum = suffix
        .strip_prefix(SUM_KEY)
        .and_then(|rest| rest.strip_suffix(SUM_END))
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .ok_or("the line does not end with a checksum")?;
    if links.is_some_and(|links| !links.fit(content, sum)) {
        return Err("the checksum does not match".into());
    }
    serde_json::from_slice(line).map_err(|error| format!("not a record: {error}"))
}

/// Whether a line reads as a record, whatever its checksum.
pub(super) fn is_like(line: &[u8]) -> bool {
    serde_json::from_slice::<Record>(line).is_ok()
}

/// Whether a bad line ends with a whole record that something else precedes, as when the newline
/// before it was damaged.
pub(super) fn is_within(line: &[u8]) -> bool {
    let starts = line.windows(RECORD_START.len()).enumerate().skip(1);
    starts.filter(|(_, bytes)| *bytes == RECORD_START).any(|(at, _)| is_like(&line[at..]))
}

fn link(previous_sum: &str, content: &[u8]) -> String {
    let mut sum = hash::sha256_parts([previous_sum.as_bytes(), content]);
    sum.truncate(SUM_DIGITS);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn new(payload: Value) -> NewRecord {
        NewRecord { at: Timestamp::from_millis(0), id: "e1".into(), kind: "test".into(), payload }
    }

    fn place(more: bool) -> Place<'static> {
        Place { seq: 7, previous_sum: FIRST_LINK, more }
    }

    #[test]
    fn a_line_is_one_json_object_that_reads_back() {
        let mut line = Vec::new();
        let sum = encode(&new(json!({"text": "a\nb\u{2028}"})), &place(false), &mut line).unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(line.pop(), Some(b'\n'));
        let record = decode(&line, Some(&Links::to(FIRST_LINK))).unwrap();
        assert_eq!((record.seq, record.sum, record.more), (7, sum, false));
        assert_eq!(record.payload, json!({"text": "a\nb\u{2028}"}));
    }

    #[test]
    fn a_field_of_a_later_version_is_covered_and_does_not_disturb() {
        let content =
            br#"{"seq":1,"at":"2026-01-01T00:00:00Z","id":"x","type":"new","payload":9,"node":"b""#;
        let mut line = content.to_vec();
        line.extend_from_slice(format!(",\"sum\":\"{}\"}}", link(FIRST_LINK, content)).as_bytes());
        assert_eq!(decode(&line, Some(&Links::to(FIRST_LINK))).unwrap().kind, "new");
        let node = line.iter().position(|byte| *byte == b'b').unwrap();
        line[node] ^= 1;
        assert!(decode(&line, Some(&Links::to(FIRST_LINK))).is_err());
    }

    #[test]
    fn a_record_that_could_not_be_read_back_is_refused() {
        let mut deep = json!(1);
        for _ in 0..200 {
            deep = json!([deep]);
        }
        let mut out = Vec::new();
        assert!(encode(&new(deep), &place(false), &mut out).unwrap_err().contains("read back"));
        let long = "x".repeat(RECORD_BYTES_MAX);
        assert!(encode(&new(json!(long)), &place(false), &mut out).unwrap_err().contains("bytes"));
        assert!(out.is_empty());
    }
}
