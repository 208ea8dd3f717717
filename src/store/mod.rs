//! The event log: append-only checksummed JSONL segments with group commit. Knows records, not
//! their meaning.
