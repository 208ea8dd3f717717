//! The time zone of the clock on the wall.

use jiff::tz::TimeZone;
use std::path::Path;

/// Where a system keeps the zone it is in.
const LOCAL: &str = "/etc/localtime";

/// The zone of this machine, UTC where it says none. Without `TZ` the system's file is read as it
/// is: to find the name of a zone, every zone there is would be looked at, which takes longer than
/// all else at the start of a program.
pub fn here() -> TimeZone {
    let local = || of_file(Path::new(LOCAL));
    let is_named = std::env::var_os("TZ").is_some();
    (!is_named).then(local).flatten().unwrap_or_else(TimeZone::system)
}

fn of_file(path: &Path) -> Option<TimeZone> {
    TimeZone::tzif("local", &std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn the_systems_file_says_the_same_as_the_zones_of_that_name() {
        let Some(zone) = of_file(Path::new("/usr/share/zoneinfo/America/New_York")) else {
            // A machine without zones has none to compare.
            assert!(!Path::new("/usr/share/zoneinfo/America/New_York").exists());
            return;
        };
        for second in [1_784_000_000, 1_797_000_000, 4_000_000_000] {
            let moment = Timestamp::from_second(second).unwrap();
            let offset = zone.to_offset(moment).seconds();
            // Summer and winter; the last lies beyond the table, by the rule.
            assert!([-4 * 3600, -5 * 3600].contains(&offset), "{offset}");
        }
        let summer = zone.to_offset(Timestamp::from_second(1_784_000_000).unwrap());
        assert_eq!(summer.seconds(), -4 * 3600);
        assert!(of_file(Path::new("/nowhere")).is_none());
    }
}
