//! Framing and the messages between processes. Types and codecs only.

pub mod frame;
pub mod hold;
pub mod people;
pub mod report;
pub mod squeeze;
pub mod view;
pub mod watched;
