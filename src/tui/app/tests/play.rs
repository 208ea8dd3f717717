//! A dashboard being played with: a clock that is moved by hand, a terminal that paints when told,
//! and a small world of tasks.

use super::super::*;
use crate::term::{PointerAct, PointerButton};
use crate::tui::keymap::Keymap;
use crate::tui::theme::Theme;
use crate::view::pane;
use crate::wire::people::Ask;
use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Rect;
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::Duration;

pub const CLICK: PointerAct = PointerAct::Down(PointerButton::Left);
/// What the mouse may do.
pub const POINTED: [PointerAct; 4] =
    [CLICK, PointerAct::Drag(PointerButton::Left), PointerAct::WheelUp, PointerAct::WheelDown];

pub fn pointer(act: PointerAct, x: u16, y: u16) -> Pointer {
    Pointer { act, x, y, shift: false, alt: false, ctrl: false }
}

pub const SMALL: Size = Size { cols: 40, rows: 10 };
pub const USUAL: Size = Size { cols: 80, rows: 24 };
pub const LARGE: Size = Size { cols: 120, rows: 40 };
pub const HUGE: Size = Size { cols: 200, rows: 50 };

/// A dashboard and what it did so far.
pub struct Play {
    pub app: App,
    pub now: Moment,
    pub did: Vec<Do>,
    timer: Option<Moment>,
}

/// Reading keymaps and themes, and drawing the agent's screen, cost more than a whole play.
static SETUP: LazyLock<Setup> = LazyLock::new(|| {
    let mut themes = Theme::built_in().iter().map(|(name, _)| Theme::named(name).unwrap());
    Setup {
        looks: Looks {
            keymap: Keymap::named("default").unwrap(),
            theme: themes.next().unwrap(),
            more_themes: themes.collect(),
        },
        mark: Mark { words: "otter teal".into(), colour: 6 },
        no_colour: false,
        zone: jiff::tz::TimeZone::fixed(jiff::tz::offset(9)),
        started: "2026-11-21T05:00:00Z".parse().unwrap(),
        watch: false,
        all: false,
        size: USUAL,
        at: "/home/me/app".into(),
    }
});
static PANE: LazyLock<Update> = LazyLock::new(|| pane_of(AGENT, Size { cols: 100, rows: 30 }));

pub fn setup(size: Size) -> Setup {
    Setup { size, ..SETUP.clone() }
}

impl Play {
    /// Connected, with the small world on the screen.
    pub fn begin(size: Size) -> Self {
        Self::with(setup(size))
    }

    pub fn with(setup: Setup) -> Self {
        let app = App::new(setup, Begin::default());
        let mut play = Self { app, now: Moment::ZERO, did: Vec::new(), timer: None };
        play.take(Input::Connected);
        play.take(Input::Frame(vec![table(1, &head(), &tasks()), table(2, &json!({}), &items())]));
        play.show_pane();
        play.paint();
        play.did.clear();
        play
    }

    pub fn take(&mut self, input: Input) -> &mut Self {
        for what in self.app.take(input, self.now) {
            if let Do::Timer(at) = what {
                self.timer = at;
            }
            self.did.push(what);
        }
        self
    }

    /// Presses keys, each painted before the next.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.split(' ') {
            self.take(Input::Key(key.into()));
            self.paint();
        }
        self
    }

    /// Types characters without anything being painted meanwhile.
    pub fn type_ahead(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            let name = match c {
                ' ' => "space".to_string(),
                '\r' => "enter".to_string(),
                c => c.to_string(),
            };
            self.take(Input::Key(name));
            self.now += Duration::from_millis(1);
        }
        self
    }

    pub fn paint(&mut self) -> &mut Self {
        let revision = self.app.revision();
        self.take(Input::Painted(revision)).take(Input::Seen(revision))
    }

    /// Lets time pass; a timer that comes due comes when it is.
    pub fn wait(&mut self, ms: u64) -> &mut Self {
        let end = self.now + Duration::from_millis(ms);
        while let Some(at) = self.timer.filter(|at| *at <= end) {
            self.timer = None;
            self.now = self.now.max(at);
            self.take(Input::Due);
            self.paint();
        }
        self.now = end;
        self
    }

    /// Answers the last request that was asked.
    pub fn answer(&mut self, value: Value) -> &mut Self {
        let id = self.did.iter().rev().find_map(|what| match what {
            Do::Say(Said::Ask { id, .. }) => Some(*id),
            _ => None,
        });
        self.take(Input::Answer { id: id.unwrap(), answer: Answer::Done(value) });
        self.paint()
    }

    pub fn asked(&self) -> Vec<Ask> {
        let ask = |what: &Do| match what {
            Do::Say(Said::Ask { ask, .. }) => Some(ask.clone()),
            _ => None,
        };
        self.did.iter().filter_map(ask).collect()
    }

    /// A frame with other items in the inbox.
    pub fn inbox(&mut self, items: &[Value]) -> &mut Self {
        self.take(Input::Frame(vec![table(2, &json!({}), items)]))
    }

    /// Gives the pane that is looked at a screen, whatever it is.
    pub fn show_pane(&mut self) -> &mut Self {
        let Some(surface) = self.app.panes.surface() else { return self };
        let update = Update { surface, ..PANE.clone() };
        self.take(Input::Frame(vec![update]))
    }

    pub fn buffer(&self) -> (Buffer, Option<CursorAt>) {
        let size = self.app.setup.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.cols, size.rows));
        let cursor = draw(&self.app, &mut buffer);
        (buffer, cursor)
    }

    /// The screen as text, with where its cursor stands.
    pub fn screen(&self) -> String {
        let (buffer, cursor) = self.buffer();
        let mut text = text_of(&buffer);
        if let Some((x, y, shape)) = cursor {
            text += &format!("cursor {x},{y} {shape:?}\n");
        }
        text
    }
}

/// What a terminal would show of a buffer: behind a wide character nothing is drawn.
pub fn text_of(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let (mut line, mut covered) = (String::new(), 0);
        for x in buffer.area.left()..buffer.area.right() {
            if covered > 0 {
                covered -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            covered = symbol.cell_width().saturating_sub(1);
            line.push_str(symbol);
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

pub fn table(surface: u32, head: &Value, rows: &[Value]) -> Update {
    let rows: Vec<(u32, Row)> =
        (0..).zip(rows.iter().map(|row| Row::from(row.to_string()))).collect();
    let len = u32::try_from(rows.len()).ok();
    Update { surface, head: Some(head.clone().into()), len, rows, ..Update::default() }
}

/// What an agent has on its screen in this world: wide characters from edge to edge.
const AGENT: &str = "\x1b[1m作業中\x1b[0m: ページ番号を直しています\r\n\
    $ cargo test\r\nrunning 214 tests ... \x1b[32mok\x1b[0m\r\n\
    日本語の長い行が端から端まで続きます。日本語の長い行が端から端まで続きます。日本語の長い行が\r\n\
    ┌ fake APPROVE ┐ A then y\r\n\
    全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角\r\n\
    全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角\r\n\
     全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角\r\n\
    全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角\r\n\
     全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角\r\n\
    > ";

/// The frame of a pane on which `output` was drawn.
pub fn pane_of(output: &str, size: Size) -> Update {
    let mut terminal = crate::term::Terminal::new(size, 0);
    terminal.feed(output.as_bytes());
    let head = PaneHead {
        size,
        history: 500,
        driver: Some("kenji".into()),
        live: true,
        ..PaneHead::default()
    };
    let cells = (0..size.rows).filter_map(|y| terminal.row(y));
    let rows: Vec<(u32, Row)> = (0..).zip(cells.map(|row| pane::encode(&row))).collect();
    let len = u32::try_from(rows.len()).ok();
    let (head, cursor) = (Some(json!(head).into()), Some(terminal.cursor()));
    Update { surface: 0, head, cursor, len, shift: None, rows }
}

pub fn head() -> Value {
    json!({
        "level": "L1",
        "title": "L1 supervised",
        "node": "kumo",
        "repository": { "path": "/home/me/app", "base": "main", "halted": null, "held": null },
        "attended_by": ["kenji"],
        "clients": [
            { "id": 1, "person": "kenji", "size": { "cols": 80, "rows": 24 }, "watch": false,
              "since": "2026-11-21T04:00:00Z" },
            { "id": 2, "person": "みどり", "size": { "cols": 200, "rows": 50 }, "watch": true,
              "since": "2026-11-20T22:00:00Z" },
        ],
        "you": 1,
    })
}

pub fn task(id: u64, title: &str, state: &str, agent: &str) -> Value {
    json!({
        "id": id,
        "title": title,
        "kind": "fix",
        "agent": "claude",
        "node": "kumo",
        "state": state,
        "since": "2026-11-21T05:02:00Z",
        "run": id * 10,
        "status": { "state": agent, "source": "hook", "since": "2026-11-21T04:31:00Z" },
        "branch": format!("refs/heads/monban/{id}-1"),
        "base": "77e0d12ab98c0000000000000000000000000000",
        "head": "9f3c1ab4de550000000000000000000000000000",
        "verdicts": [],
        "needs_you": false,
        "gauges": { "changed_files": 7, "changed_lines": 128 },
    })
}

pub fn tasks() -> Vec<Value> {
    let mut rows = vec![
        task(7, "ページ番号を0ではなく1から始める: 一覧と詳細の両方で", "waiting", "done"),
        task(8, "which port?", "running", "blocked"),
        task(9, "fix the race in the queue \u{202e}evil", "running", "working"),
        task(10, "update README", "done", "exited"),
        task(11, "flaky test", "failed", "exited"),
        task(12, "写真の並べ替え", "draft", ""),
    ];
    rows[0]["needs_you"] = json!(true);
    rows[0]["verdicts"] = json!([
        { "check": "lint", "outcome": "pass" }, { "check": "test", "outcome": "pass" },
    ]);
    rows[1]["needs_you"] = json!(true);
    rows[1]["status"]["kind"] = json!("question");
    rows[2]["status"]["paused"] = json!(true);
    rows[4]["failure"] = json!("test failed: 2 of 214");
    rows[4]["verdicts"] = json!([
        { "check": "lint", "outcome": "pass" }, { "check": "test", "outcome": "fail" },
    ]);
    for field in ["run", "status", "branch", "base", "head", "gauges"] {
        rows[5][field] = Value::Null;
    }
    rows
}

/// An approval that binds this head.
pub fn approval(head: &str) -> Value {
    let binds = crate::model::verdict::Binds {
        branch: "refs/heads/main".into(),
        base: "77e0d12ab98c0000000000000000000000000000".into(),
        head: head.into(),
        tree: "4be21c0912340000000000000000000000000000".into(),
        diff_sha256: "d41d8cd98f00b204e9800998ecf8427e8f02".into(),
        gate_runs: vec![RunId(71)],
        gate_hash: "gate".into(),
        policy: "policy".into(),
    };
    json!({
        "id": "item4",
        "kind": "approval",
        "task": 7,
        "title": "ページ番号を0ではなく1から始める: 一覧と詳細の両方で",
        "note": "judged and green",
        "digest": binds.digest(),
        "binds": binds,
        "since": "2026-11-21T05:02:00Z",
    })
}

pub const HEAD: &str = "9f3c1ab4de550000000000000000000000000000";

pub fn items() -> Vec<Value> {
    let question = json!({
        "id": "item5",
        "kind": "question",
        "task": 8,
        "title": "which port?",
        "note": "which port should the dev server use?\nいま使われているのは 3000 番です",
        "digest": "",
        "binds": null,
        "since": "2026-11-20T16:43:00Z",
    });
    vec![approval(HEAD), question]
}

/// An alarm about task 7 with so many changes.
pub fn alarm(changes: usize) -> Value {
    let change =
        |n| format!("change {n}: main 77e0d12 -> 9f3c1ab; take it back: git branch -f {n}");
    let changes: Vec<String> = (0..changes).map(change).collect();
    json!({
        "id": "item6",
        "kind": "alarm",
        "task": 7,
        "title": "ページ番号を0ではなく1から始める: 一覧と詳細の両方で",
        "note": "the repository changed while the agent ran, and not by monban",
        "details": changes,
        "digest": "",
        "binds": null,
        "since": "2026-11-21T05:01:00Z",
    })
}

/// A gate configuration as `plan check` gives it.
pub fn gate(trusted: bool) -> Value {
    let runs = [("setup", "bun install"), ("test", "bun test --reporter=junit")];
    let runs = runs.map(|(check, command)| json!({ "check": check, "command": command }));
    json!({
        "hash": "cafe",
        "trusted": trusted,
        "runs": runs,
        "attests": ["スマートフォンで実際に動かした"],
        "allowed_danger": [
            { "rule": "danger/process", "paths": ["src/run/**"], "why": "it starts \u{202e}programs" },
        ],
    })
}

/// A task whose agent left a conversation.
pub fn ended_task() -> Value {
    json!({ "attempts": [{ "session": "c0ffee", "place": { "worktree": "/w/11" } }] })
}

pub fn diff() -> Value {
    let patch = "diff --git a/src/api.rs b/src/api.rs\n--- a/src/api.rs\n+++ b/src/api.rs\n\
        @@ -41,3 +41,4 @@ fn list(\n fn list(\n-    db: &Db)\n+    db: &Db, page: Page)\n\
        +    // ページ番号\u{200b}は1から\n diff\n\
        diff --git a/src/page.rs b/src/page.rs\nnew file mode 100644\n--- /dev/null\n\
        +++ b/src/page.rs\n@@ -0,0 +1,2 @@\n+pub struct Page(u32);\n+\n";
    json!({
        "task": 7,
        "base": "77e0d12ab98c0000000000000000000000000000",
        "head": HEAD,
        "diff_sha256": "d41d8cd98f00b204e9800998ecf8427e8f02",
        "files": [
            { "path": "src/api.rs", "added": 2, "deleted": 1 },
            { "path": "src/page.rs", "added": 2, "deleted": 0 },
        ],
        "patch": patch,
    })
}

pub fn gates() -> Value {
    json!([{
        "run": 71,
        "snapshot": 2,
        "tree": "4be21c0912340000000000000000000000000000",
        "started_at": "2026-11-21T05:00:30Z",
        "verdicts": [
            { "check": "lint", "outcome": "pass", "reason": "clean", "duration_ms": 9_400,
              "command": "bun lint", "tail": "ok\n" },
            { "check": "test", "outcome": "fail", "reason": "2 of 214 tests failed",
              "duration_ms": 130_000, "command": "bun test",
              "counts": { "tests": 214, "failed": 2, "skipped": 1, "failing": ["一覧 > 1から"] },
              "tail": "expected 1\u{1b}[31m\n  received 0\n日本語のログ\n" },
            { "check": "scan", "outcome": "not-run", "reason": "an earlier check failed",
              "duration_ms": 0, "tail": "" },
        ],
    }])
}

/// A task in full, with checkpoints and a rollback that can be undone.
pub fn whole_task() -> Value {
    json!({
        "id": 7,
        "base": "77e0d12ab98c0000000000000000000000000000",
        "attempts": [{
            "checkpoints": [
                { "name": "cp1", "snapshot": { "number": 1, "commit": "1111aaaa0000" } },
                { "name": "cp2", "snapshot": { "number": 2, "commit": "2222bbbb0000" } },
            ],
            "rollbacks": [
                { "op": "op3", "can_undo": true }, { "op": "op4", "can_undo": false },
            ],
        }],
    })
}

/// A finding of a check.
pub fn finding(weight: &str, path: &str, line: u32, snippet: &str) -> Value {
    json!({
        "rule": "danger/child-process", "weight": weight, "path": path, "line": line,
        "snippet": snippet, "why": "starts programs: 任意のコマンドを実行できる",
    })
}

/// The gates of a change that a check found something in.
pub fn red_gates() -> Value {
    let mut gates = gates();
    let long = "const 実行 = require(\"child_process\").execSync(`rm -rf ${\u{202e}path}`)";
    let found: Vec<Value> = (1..=12)
        .map(|line| finding("violation", "src/ページ/api.ts", line, long))
        .chain([finding("notice", "package.json", 4, "\"postinstall\": \"sh x\"")])
        .collect();
    let limits = json!([{
        "rule": "limits/changed_files", "weight": "notice", "path": "", "snippet": "10 of 10",
        "why": "exactly at the limit that monban.toml sets",
    }]);
    gates[0]["verdicts"] = json!([
        { "check": "limits", "outcome": "pass", "reason": "1 notice; changed_files 10 of 10",
          "duration_ms": 0, "tail": "", "findings": limits, "finding_count": 1 },
        { "check": "danger", "outcome": "fail", "duration_ms": 41, "tail": "",
          "reason": "danger/child-process in src/ページ/api.ts:1: starts programs; 119 more",
          "findings": found, "finding_count": 121 },
        { "check": "test", "outcome": "not-run", "command": "bun test", "duration_ms": 0,
          "reason": "not run since `danger` did not pass", "tail": "" },
    ]);
    gates
}

/// An approval whose checks found something that fails nothing.
pub fn noticed() -> Value {
    let mut item = approval(HEAD);
    item["findings"] = json!([finding("notice", "src/api.ts", 7, "exec(\u{202e}x)")]);
    item["finding_count"] = json!(3);
    item
}
