//! The dashboard: a view of the daemon in a person's terminal. Owns nothing; what it shows comes
//! from frames, what it does are requests (decision 0013).

pub mod action;
pub mod app;
pub mod echo;
pub mod editor;
pub mod input;
pub mod keymap;
pub mod keys;
pub mod line;
pub mod link;
pub mod looks;
pub mod outer;
pub mod pace;
pub mod present;
mod quiet;
pub mod run;
pub mod theme;
pub mod wake;
pub mod widgets;
