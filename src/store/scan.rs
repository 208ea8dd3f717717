//! Reading the segments of a log in order and judging every line.
//!
//! Bad lines with nothing good behind them at the end of the last segment are a torn tail: a write
//! that a crash cut short. Everything else that is bad is damage.

use super::disk::Disk;
use super::record::{self, FIRST_LINK, Links, RECORD_BYTES_MAX, Record};
use super::{StoreError, log::APPEND_RECORDS_MAX};
use serde::Serialize;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

const PROBLEMS_MAX: usize = 100;

/// Something wrong at one place of the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    /// The segment file's name.
    pub file: String,
    /// The line in it, counted from 1.
    pub line: u64,
    /// The sequence number that was expected there.
    pub seq: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: record {}: {}", self.file, self.line, self.seq, self.what)
    }
}

/// The file name of the segment whose first record is `first`.
pub(super) fn segment_name(first: u64) -> String {
    format!("events-{first:012}.jsonl")
}

/// Takes a record in, and says whether it wants more. An error says why the record, which is as it
/// was written, means nothing that can be understood: that is damage too.
pub(super) type Visit<'a> = dyn FnMut(Record) -> Result<ControlFlow<()>, String> + 'a;

/// What was found in a log.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) segments: Vec<String>,
    /// Complete appends only, up to the first problem.
    pub(super) records: u64,
    pub(super) first_seq: Option<u64>,
    pub(super) last_seq: u64,
    pub(super) last_sum: String,
    /// Where the good part of the last segment ends, in bytes.
    pub(super) good_length: u64,
    pub(super) problems: Vec<Problem>,
    pub(super) is_torn: bool,
}

/// Reads the log from the segment that holds `from`, giving every record of a complete append
/// before the first problem to `visit`, until `visit` breaks.
pub(super) fn scan(
    disk: &dyn Disk,
    folder: &Path,
    from: u64,
    visit: &mut Visit<'_>,
) -> Result<Scan, StoreError> {
    let all = segments(disk, folder)?;
    let start = all.partition_point(|(first, _)| *first <= from).saturating_sub(1);
    let mut scanner = Scanner::new(visit);
    if start > 0 {
        scanner.expect(all[start].0);
    }
    for (first, name) in &all[start..] {
        let path = folder.join(name);
        let file = disk.read(&path).map_err(StoreError::io("read", &path))?;
        match scanner.segment(*first, name, file) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => break,
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        }
    }
    Ok(scanner.finish(all.into_iter().map(|(_, name)| name).collect()))
}

fn segments(disk: &dyn Disk, folder: &Path) -> Result<Vec<(u64, String)>, StoreError> {
    let names = disk.list(folder).map_err(StoreError::io("list", folder))?;
    let first = |name: &str| -> Option<u64> {
        name.strip_prefix("events-")?.strip_suffix(".jsonl")?.parse().ok()
    };
    let mut found: Vec<_> =
        names.into_iter().filter_map(|name| Some((first(&name)?, name))).collect();
    found.sort();
    Ok(found)
}

struct Scanner<'a> {
    visit: &'a mut Visit<'a>,
    expected: u64,
    /// What the next line may be chained to; `None` when that cannot be known.
    links: Option<Links>,
    /// The records of an append whose last record was not seen yet.
    append: Vec<Record>,
    /// The line of the first of them.
    append_line: u64,
    scan: Scan,
    /// A good record was found after a bad one.
    has_survivors: bool,
    /// The problem lies in a segment that is not the one being read.
    has_older_problem: bool,
}

impl<'a> Scanner<'a> {
    fn new(visit: &'a mut Visit<'a>) -> Self {
        let scan = Scan {
            segments: Vec::new(),
            records: 0,
            first_seq: None,
            last_seq: 0,
            last_sum: FIRST_LINK.into(),
            good_length: 0,
            problems: Vec::new(),
            is_torn: false,
        };
        Self {
            visit,
            expected: 1,
            links: Some(Links::to(FIRST_LINK)),
            append: Vec::new(),
            append_line: 0,
            scan,
            has_survivors: false,
            has_older_problem: false,
        }
    }

    fn expect(&mut self, seq: u64) {
        self.expected = seq;
        self.links = None;
    }

    fn segment(
        &mut self,
        first: u64,
        name: &str,
        file: Box<dyn Read>,
    ) -> io::Result<ControlFlow<()>> {
        self.has_older_problem = !self.scan.problems.is_empty();
        self.end_append(name);
        self.scan.good_length = 0;
        if first != self.expected {
            let what = format!("the segment begins with {first}: what lies between is missing");
            self.problem(name, 1, what);
            self.has_survivors = true;
            self.expect(first);
        }
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut line = Vec::new();
        let (mut number, mut offset) = (0, 0);
        loop {
            let read = read_line(&mut reader, &mut line)?;
            if read == 0 {
                return Ok(ControlFlow::Continue(()));
            }
            number += 1;
            offset += read;
            if self.line(name, number, offset, &line).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    fn line(&mut self, name: &str, number: u64, end: u64, line: &[u8]) -> ControlFlow<()> {
        let (text, is_whole) = match line.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (line, false),
        };
        let after = Links::after(self.links.as_ref(), text);
        let links = self.links.replace(after);
        let what = match record::decode(text, links.as_ref()) {
            _ if !is_whole => "the line is cut short".into(),
            Err(what) => what,
            Ok(record) => return self.record(name, number, end, record),
        };
        // A crash leaves no whole record in or behind what it tore: there, something else was
        // written over what had been acknowledged, and the line breaks may be what it hit.
        let is_behind = !self.scan.problems.is_empty();
        self.has_survivors |= record::is_within(text) || is_behind && record::is_like(text);
        self.problem(name, number, what);
        self.expected += 1;
        ControlFlow::Continue(())
    }

    fn record(&mut self, name: &str, line: u64, end: u64, record: Record) -> ControlFlow<()> {
        if record.seq != self.expected {
            self.problem(name, line, format!("the record says it is {}", record.seq));
        }
        self.expected = record.seq.saturating_add(1);
        self.links = Some(Links::to(&record.sum));
        if !self.scan.problems.is_empty() {
            self.has_survivors = true;
            return ControlFlow::Continue(());
        }
        if self.append.len() >= APPEND_RECORDS_MAX {
            self.problem(name, line, "its append has too many records".into());
            return ControlFlow::Continue(());
        }
        if self.append.is_empty() {
            self.append_line = line;
        }
        let is_last = !record.more;
        self.append.push(record);
        if is_last { self.complete(name, end) } else { ControlFlow::Continue(()) }
    }

    fn complete(&mut self, name: &str, end: u64) -> ControlFlow<()> {
        for (line, record) in (self.append_line..).zip(std::mem::take(&mut self.append)) {
            let (seq, sum) = (record.seq, record.sum.clone());
            match (self.visit)(record) {
                Ok(next) => {
                    self.scan.records += 1;
                    self.scan.first_seq.get_or_insert(seq);
                    self.scan.last_seq = seq;
                    self.scan.last_sum = sum;
                    next?;
                }
                Err(what) => {
                    self.problem_at(name, line, seq, what);
                    // It is whole, so nothing was torn.
                    self.has_survivors = true;
                    return ControlFlow::Continue(());
                }
            }
        }
        self.scan.good_length = end;
        ControlFlow::Continue(())
    }

    /// At the end of a segment: an append that is not complete there never will be.
    fn end_append(&mut self, next_segment: &str) {
        if !self.append.is_empty() {
            self.problem(next_segment, 1, "the append before it is not complete".into());
            self.has_older_problem = true;
        }
    }

    fn problem(&mut self, file: &str, line: u64, what: String) {
        self.problem_at(file, line, self.expected, what);
    }

    fn problem_at(&mut self, file: &str, line: u64, seq: u64, what: String) {
        self.append.clear();
        if self.scan.problems.len() < PROBLEMS_MAX {
            self.scan.problems.push(Problem { file: file.into(), line, seq, what });
        }
    }

    fn finish(mut self, segments: Vec<String>) -> Scan {
        if self.scan.problems.is_empty()
            && let (Some(first), Some(name)) = (self.append.first(), segments.last())
        {
            let what = "its append is not complete".into();
            let line = self.append_line;
            self.scan.problems.push(Problem { file: name.clone(), line, seq: first.seq, what });
        }
        let has_problem = !self.scan.problems.is_empty();
        self.scan.is_torn = has_problem && !self.has_survivors && !self.has_older_problem;
        self.scan.segments = segments;
        self.scan
    }
}

/// Reads up to and with the next newline and returns how many bytes that were. Of a line longer
/// than any two records that lost the newline between them only the beginning is kept.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    line.clear();
    let mut length = 0;
    loop {
        let bytes = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if bytes.is_empty() {
            return Ok(length);
        }
        let newline = bytes.iter().position(|byte| *byte == b'\n');
        let count = newline.map_or(bytes.len(), |at| at + 1);
        if line.len() <= 2 * RECORD_BYTES_MAX {
            line.extend_from_slice(&bytes[..count]);
        }
        reader.consume(count);
        length += count as u64;
        if newline.is_some() {
            return Ok(length);
        }
    }
}
