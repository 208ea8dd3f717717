//! Levels of autonomy as data. Pure.
