//! Framing and the messages between processes. Types and codecs only.

pub mod report;
