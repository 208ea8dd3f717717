//! File names that an agent made to mislead: kept as they are, shown escaped.

use crate::instance::Instance;
use std::process::Command;

/// What a command printed, as bytes.
fn printed(monban: &Instance, args: &[&str]) -> Vec<u8> {
    let output = monban.command(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn odd_file_names_are_kept_landed_and_shown_escaped() {
    let monban = Instance::new();
    let long = format!("l{}", "o".repeat(254));
    let mut script = format!(
        "echo x > {long}; echo x > {long}{}; d=\"$(printf 'a\\n+++ b')\"; mkdir \"$d\"; \
         echo x > \"$d/forged\"; echo x > \"$(printf 'bidi\\342\\200\\256gpj.sh')\"; ",
        "x".repeat(45)
    );
    let names = [long.as_str(), "a\n+++ b/forged", "bidi\u{202e}gpj.sh"];
    let mut names: Vec<Vec<u8>> = names.map(|name| name.as_bytes().to_vec()).to_vec();
    // Not every system lets a file have a name that is not UTF-8.
    if cfg!(target_os = "linux") {
        script.push_str("echo x > \"$(printf 'not\\377utf8')\"");
        names.push(b"not\xffutf8".to_vec());
    }
    let id = monban.add("Odd names", &script);
    monban.run(&id).expect(4);
    for args in [&["diff", &id][..], &["inbox"], &["show", &id], &["gates", &id], &["ls"]] {
        let shown = printed(&monban, args);
        let text = String::from_utf8(shown).unwrap();
        assert!(!text.contains('\u{202e}'), "{args:?}: {text}");
        assert!(!text.lines().any(|line| line == "+++ b/forged"), "{args:?}: {text}");
    }
    let diff = String::from_utf8(printed(&monban, &["diff", &id])).unwrap();
    assert!(diff.contains(&long) && diff.contains("forged"), "{diff}");
    assert!(!diff.contains(&format!("{long}x")), "longer than the system allows");
    monban.approve(&id).expect(0);
    monban.until(&id, "landing", |task| task["state"] == "done");
    let mut list = Command::new("git");
    list.args(["ls-tree", "-r", "-z", "--name-only", "main"]).current_dir(&monban.repository);
    let landed = list.output().unwrap().stdout;
    let landed: Vec<&[u8]> = landed.split(|byte| *byte == 0).collect();
    for name in &names {
        assert!(landed.contains(&name.as_slice()), "{}", String::from_utf8_lossy(name));
    }
    assert_eq!(monban.git(&["status", "--porcelain"]), "", "the checkout has them too");
}
