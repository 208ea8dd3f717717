//! The dashboard without a terminal and without a daemon: what happens goes in, what is to be done
//! comes out, and screens are compared as text.

mod approve;
mod attest;
mod confirm;
mod decide;
mod fuzz;
mod move_about;
mod part;
mod play;
mod screens;
mod words;
