//! Examples that the help shows.

/// Of a whole job.
pub const ALL: &str = "\
Examples:
  monban demo                                try it: scripted agents, no account, no network
  monban                                     the dashboard of this repository; ? shows its keys
  monban attach --host HOST                  the same, of the daemon of another machine, by ssh
  monban init                                write monban.toml for this repository
  monban task add --title \"Fix the date parser\" --kind fix --agent claude --prompt \"...\"
  monban run 1 --wait                        start task 1 and wait until it needs you
  monban inbox                               what waits for you
  monban approve item1 --bind DIGEST         land exactly what you looked at

Exit status: 0 ok, 1 refused or failed, 2 input error, 3 environment, 4 a person is needed.";

/// Of taking landed work back.
pub const REVERT: &str = "\
Examples:
  monban revert 3             prints the id of the new task, such as 7
  monban run 7 --wait         waits until it is judged
  monban diff 7               what would be undone
  monban approve 7 --bind DIGEST";

/// Of removing what is old.
pub const GC: &str = "\
Examples:
  monban gc --dry-run         what would go
  monban gc --older-than 3d   of work that ended at least three days ago";
