//! What an agent used, read from the conversations it keeps.
