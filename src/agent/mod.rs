//! Agents as data: how each kind is prepared, logged in, prompted and understood.
