//! Gates: the checks of a task, run on exactly one tree in a fresh checkout.
