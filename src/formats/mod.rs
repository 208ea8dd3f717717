//! Files of other programs that monban reads. Pure.

pub mod junit;
