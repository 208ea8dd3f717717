//! Terminals: filter, screen, queries, status protocol, input encoding. Pure: bytes in, state
//! out. The only user of the VT crate.
