//! Files that cannot be used: every mistake with its file, line and column.

use crate::instance::{CONFIG, Instance};
use crate::support::{agent, refused, refused_whole};
use std::fs;

#[test]
fn mistakes_in_monban_toml_are_told_with_their_place() {
    let monban = Instance::new();
    let id = monban.add("T", "echo x > x");
    let cases = [
        ("[verify\ntest = \"true\"\n", "monban.toml:1:8:"),
        ("[verify]\ntets = \"true\"\n", "monban.toml:2:1: verify.tets: unknown key"),
        ("[verify]\ntest = 7\n", "monban.toml:2:8: verify.test: expected a string"),
        ("[gates]\nchecks = [\"test\", \"tset\"]\n", "monban.toml:2:19: gates.checks:"),
        ("[limits]\nseconds = 0\n", "monban.toml:2:11: limits.seconds: 0 is not allowed"),
        (
            "[limits]\nchanged_files = 5\n",
            "monban.toml:2:1: limits.changed_files: nothing looks at it",
        ),
        ("[limits]\ndisk = \"1 mb\"\n", "monban.toml:2:8: limits.disk: \"1 mb\" is not a size"),
        ("[worktree]\ncopy = [\"../x\"]\n", "monban.toml:2:9: worktree.copy:"),
    ];
    for (text, place) in cases {
        // Read from the checkout, for the base's name.
        monban.write("monban.toml", text);
        refused_whole(&monban, &["run", &id], 2, &[place]);
        // Read from the base commit, for the gate.
        monban.commit("a mistake");
        monban.write("monban.toml", CONFIG);
        let place = place.replace("monban.toml", "monban.toml of the base commit");
        refused_whole(&monban, &["run", &id], 2, &[&place]);
    }
    fs::write(monban.repository.join("monban.toml"), b"# \xff\n").unwrap();
    refused_whole(&monban, &["plan", "check"], 2, &["monban.toml:1:3:", "not UTF-8"]);
    fs::remove_file(monban.repository.join("monban.toml")).unwrap();
    fs::create_dir(monban.repository.join("monban.toml")).unwrap();
    refused_whole(&monban, &["plan", "check"], 2, &["monban.toml", "not a plain file"]);
}

/// What the dashboard would refuse to open with is no good configuration.
#[test]
fn doctor_finds_the_mistakes_that_keep_a_dashboard_from_opening() {
    let monban = Instance::new();
    let good = fs::read_to_string(monban.home.join("config.toml")).unwrap();
    let keys = monban.home.join("keymap.toml");
    for (config, keymap, says) in [
        ("theme = \"drak\"\n", "", "config.toml: theme: there is no theme drak"),
        ("keys = \"emasc\"\n", "", "config.toml: keys: there is no keymap emasc"),
        ("", "[nav]\nf9 = { run = \"halp\" }\n", "keymap.toml:2:"),
    ] {
        monban.configure(&format!("{config}{good}"));
        fs::write(&keys, keymap).unwrap();
        let rows = monban.monban(&["doctor", "--json"]).expect(3).json();
        let row = rows.as_array().unwrap().iter().find(|row| row["what"] == "config").unwrap();
        let found = row["found"].as_str().unwrap();
        assert!(row["verdict"] == "fail" && found.contains(says), "{row}");
        assert!(row["cure"].as_str().unwrap().contains("tasks start all the same"), "{row}");
    }
    // It is so.
    let id = monban.add("Change it", "echo new > new");
    monban.run(&id).expect(4);
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let monban = Instance::new();
    monban.write("monban.toml", "[verify]\ntest = 7\nlint = 8\n[lmits]\n");
    let places = ["monban.toml:2:8:", "monban.toml:3:8:", "monban.toml:4:2:", "limits"];
    refused_whole(&monban, &["plan", "check"], 2, &places);
}

#[test]
fn mistakes_in_config_toml_are_told_by_a_daemon_and_before_one_starts() {
    let cases = [
        ("level = \"L9\"\n", "config.toml:1:9: level:"),
        ("level = \n", "config.toml:1:"),
        ("max_agnts = 1\n", "config.toml:1:1: max_agnts: unknown key; did you mean"),
        ("[agents.a]\nprogram = 7\n", "config.toml:2:11: agents.a.program:"),
        ("[agents.a]\nenv = { A = 1 }\n", "config.toml:2:13: agents.a.env.A:"),
    ];
    let monban = Instance::new();
    let good = fs::read_to_string(monban.home.join("config.toml")).unwrap();
    for (text, place) in cases {
        monban.configure(&format!("{text}\n"));
        refused(monban.monban(&["ls"]), 2, &[place, "mend the file"]);
        assert!(!monban.home.join("run/d.sock").exists(), "no daemon was started");
    }
    monban.configure(&good);
    let id = monban.add("T", "echo x > x");
    let gate = monban.gate();
    for (text, place) in cases {
        monban.configure(&format!("{text}\n"));
        let listed = monban.monban(&["ls"]);
        assert!(listed.out.contains(" T"), "{}", listed.out);
        assert!(
            listed.err.contains(place) && listed.err.contains("no task starts"),
            "{}",
            listed.err
        );
        let run = ["run", &id, "--trust", &gate];
        refused_whole(&monban, &run, 2, &[place, "mend the file"]);
    }
    monban.configure(&good);
    monban.run(&id).expect(4);
}

#[test]
fn mistakes_in_an_agent_file_of_the_persons_own_are_told_with_their_place() {
    let monban = Instance::new();
    fs::create_dir(monban.home.join("agents")).unwrap();
    let file = monban.home.join("agents/mine.toml");
    let add = ["task", "add", "--title", "T", "--kind", "fix", "--agent", "mine", "--prompt", "x"];
    fs::write(&file, "name = \"mine\"\nprogram = [\n").unwrap();
    refused_whole(&monban, &add, 2, &["agents/mine.toml:"]);
    fs::write(&file, "name = \"mine\"\nnonsense = 1\n").unwrap();
    refused_whole(&monban, &add, 2, &["agents/mine.toml:2:1", "nonsense"]);
    fs::write(&file, "name = \"mine\"\nargs = 3\n").unwrap();
    refused_whole(&monban, &add, 2, &["agents/mine.toml:2:8"]);
    fs::write(&file, b"name = \"\xff\"\n").unwrap();
    refused_whole(&monban, &add, 2, &["agents/mine.toml", "UTF-8"]);
}

#[test]
fn an_agent_of_an_unknown_kind_is_told_with_its_line() {
    let monban = Instance::new();
    agent(&monban, "odd", "kind = \"oddity\"");
    let add = ["task", "add", "--title", "T", "--kind", "fix", "--agent", "odd", "--prompt", "x"];
    let words = ["config.toml:6: agents.odd.kind:", "`oddity`", "the kinds are:", "command"];
    refused_whole(&monban, &add, 2, &words);
}

/// The gate of the base judges, and the person has another one before their eyes.
#[test]
fn an_edited_gate_that_does_not_judge_yet_and_a_limit_that_is_looser_are_told() {
    let monban = Instance::new();
    let gate = |limits: &str| {
        let checks = "checks = [\"limits\", \"test\"]";
        CONFIG.replace("checks = [\"test\"]", checks) + "[limits]\n" + limits
    };
    monban.write("monban.toml", &gate("seconds = 60\nchanged_lines = 5000\n"));
    monban.commit("limits");
    let good = fs::read_to_string(monban.home.join("config.toml")).unwrap();
    monban.configure(&format!("{good}\n[limits]\nchanged_files = 3\n"));
    let told = || monban.monban(&["plan", "check"]).expect(0).out;
    let said = told();
    for line in [
        "  limit  changed_files 3, set by config.toml\n",
        "  limit  created_files 10, set by the level\n",
        "  limit  changed_lines 500, set by the level; monban.toml says 5000, which is looser and \
         ignored\n",
        "  limit  seconds 60, set by monban.toml\n",
    ] {
        assert!(said.contains(line), "{line} is missing: {said}");
    }
    assert!(!said.contains("NOT by"), "{said}");
    let before = monban.gate();
    monban.write("monban.toml", &gate("seconds = 30\n"));
    let said = told();
    assert!(said.contains("NOT by ") && said.contains("only once it is committed"), "{said}");
    assert!(said.contains("seconds 60, set by monban.toml"), "{said}");
    assert_eq!(monban.gate(), before);
    monban.commit("another limit");
    assert!(!told().contains("NOT by"));
}
