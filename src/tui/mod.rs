//! The dashboard: a view of the daemon in a person's terminal. Owns nothing; what it shows comes
//! from frames, what it does are requests (decision 0010).

pub mod echo;
pub mod input;
pub mod link;
pub mod outer;
pub mod pace;
pub mod present;
