//! The pictures of the README: the real dashboard on the demo, drawn from what its terminal shows.
//! `tests/picture` keeps them; here they are made and read, and kept nowhere.

use crate::support::svg;
use crate::{desk, has_row};
use monban::base::size::Size;
use std::fs;
use std::path::PathBuf;

const SIZE: Size = Size { cols: 120, rows: 36 };
/// The folder that the pictures are written to, if they are to be kept.
const KEPT_IN: &str = "MONBAN_PICTURES";

#[test]
fn the_dashboard_can_be_pictured_as_it_is() {
    let Some(desk) = desk("the_dashboard_can_be_pictured_as_it_is") else { return };
    let place = desk.instance.home.join("t");
    fs::create_dir(&place).unwrap();
    let demo = format!("TMPDIR={} monban demo", place.display());
    let window = desk.dashboard(&demo, SIZE.cols, SIZE.rows);
    let picture = |name: &str, title: &str| {
        let drawn = svg::picture(&window.colours(), SIZE, title);
        if let Some(folder) = std::env::var_os(KEPT_IN) {
            fs::write(PathBuf::from(folder).join(format!("{name}.svg")), &drawn).unwrap();
        }
        drawn
    };
    window.until("all agents", |screen| {
        has_row(screen, "Greet people by name", "blocked permission")
            && has_row(screen, "Configure the port", "blocked question")
            && has_row(screen, "Explain the greeting", "! waiting")
    });
    // The agent that works, once it has something to show.
    window.press(&["j", "j", "j"]);
    window.until("its work", |screen| screen.contains("Spanish     Hola"));
    let fleet = picture("dashboard", "monban: the tasks, and the agent of the selected one");
    assert!(fleet.contains("Configure the port") && fleet.contains(">こ<"), "{fleet}");
    window.press(&["k", "a"]);
    window.until("an armed dialog", |screen| has_row(screen, "APPROVE", "] armed "));
    let approval = picture("approval", "monban: what an approval signs");
    assert!(approval.contains("A then y"), "{approval}");
    assert!(approval.matches("<text").count() == approval.matches("</text>").count());
    window.press(&["Escape"]);
    window.hides("APPROVE");
    window.press(&["q"]);
    window.shows("nothing is left running");
}
