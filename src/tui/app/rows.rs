//! The rows of the tables as the dashboard uses them. Whatever a daemon of another version leaves
//! out is empty; every text of theirs is shown escaped.

use super::gates::Found;
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use crate::base::id::{RunId, TaskId};
use crate::model::item::ItemKind;
use crate::model::verdict::Binds;
use crate::view::Content;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A task.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskRow {
    /// Its id.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// The kind of work.
    pub kind: String,
    /// Its agent's name.
    pub agent: String,
    /// Its state, in a word.
    pub state: String,
    /// Since when it is in it.
    pub since: Option<Timestamp>,
    /// Its agent's status.
    pub status: Option<Status>,
    /// Its last run.
    pub run: Option<RunId>,
    /// Its branch.
    pub branch: String,
    /// The commit it is judged against.
    pub base: String,
    /// Its last snapshot.
    pub head: String,
    /// What each check said, by name.
    pub verdicts: Vec<(String, String)>,
    /// Whether something of it waits for a person.
    pub needs_you: bool,
    /// Why it failed.
    pub failure: String,
    /// The rollbacks of its worktree.
    pub rollbacks: Vec<Rollback>,
    /// Changed files and lines.
    pub changed: Option<(u64, u64)>,
}

/// A rollback, as far as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rollback {
    /// Its name.
    pub op: String,
    /// How far it is, in a word.
    pub progress: String,
    /// Why it failed.
    pub why: String,
}

/// What an agent does.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Status {
    /// In a word.
    pub state: String,
    /// What it is blocked on.
    pub kind: String,
    /// Who says so.
    pub source: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Whether a person made it stand still.
    pub is_paused: bool,
}

/// Something that waits for a person.
#[derive(Clone, PartialEq, Debug)]
pub struct ItemRow {
    /// Its id.
    pub id: String,
    /// What is wanted.
    pub kind: Option<ItemKind>,
    /// The same, in a word.
    pub word: String,
    /// It is no item of a task but the halt of a repository, since its task failed.
    pub is_halt: bool,
    /// Its task.
    pub task: TaskId,
    /// The task's title.
    pub title: String,
    /// What it is about.
    pub note: Foreign,
    /// What it names one by one.
    pub details: Vec<String>,
    /// What its checks found, the first of them.
    pub found: Vec<Found>,
    /// How many there are in all.
    pub found_count: u64,
    /// What a person attests with an approval.
    pub attests: Vec<Foreign>,
    /// Where the base is by now, if it moved since the result was judged.
    pub moved_to: Option<Box<str>>,
    /// What an approval signs.
    pub digest: String,
    /// The parts of that.
    pub binds: Option<Binds>,
    /// Since when it waits.
    pub since: Option<Timestamp>,
}

/// What stands over the tasks.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Head {
    /// The level, with its title.
    pub level: String,
    /// The machine.
    pub node: String,
    /// The repository.
    pub repository: String,
    /// Its base branch.
    pub base: String,
    /// Who is there.
    pub attended_by: Vec<String>,
    /// Why it is halted.
    pub halted: Option<String>,
    /// Why it is held.
    pub held: Option<String>,
    /// The dashboards that are open.
    pub clients: Vec<Client>,
    /// How many rows there was no room for.
    pub left_out: u64,
}

/// Somebody at a dashboard.
#[derive(Clone, PartialEq, Debug)]
pub struct Client {
    /// The person.
    pub person: String,
    /// The size of their terminal.
    pub size: String,
    /// Whether they only watch.
    pub watches: bool,
    /// Whether it is this one.
    pub is_you: bool,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// An item that somebody is deciding.
#[derive(Clone, PartialEq, Debug)]
pub struct Deciding {
    /// The item.
    pub item: String,
    /// The person.
    pub person: String,
    /// Whether it is this dashboard.
    pub is_you: bool,
}

/// Who decides what, as the head of the inbox says.
pub fn deciding(head: &Value) -> Vec<Deciding> {
    let you = &head["you"];
    let one = |row: &Value| Deciding {
        item: text(&row["item"]),
        person: text(&row["person"]),
        is_you: !you.is_null() && row["client"] == *you,
    };
    list(&head["deciding"]).iter().map(one).collect()
}

/// The tasks of a table.
pub fn tasks(content: &Content) -> Vec<TaskRow> {
    rows(content).filter_map(|row| task(&row)).collect()
}

/// The items of a table.
pub fn items(content: &Content) -> Vec<ItemRow> {
    rows(content).filter_map(|row| item(&row)).collect()
}

/// What a table's head says.
pub fn head(value: &Value) -> Head {
    let repository = &value["repository"];
    let people = match &value["attended_by"] {
        Value::Null => &repository["attended_by"],
        people => people,
    };
    let halt = &repository["halted"];
    Head {
        level: text(&value["title"]),
        node: text(&value["node"]),
        repository: text(&repository["path"]),
        base: text(&repository["base"]).trim_start_matches("refs/heads/").to_string(),
        attended_by: list(people).iter().map(text).collect(),
        halted: (!halt.is_null())
            .then(|| format!("by task {}: {}", text(&halt["task"]), text(&halt["cause"]))),
        held: Some(text(&repository["held"])).filter(|held| !held.is_empty()),
        clients: list(&value["clients"]).iter().map(|row| client(row, &value["you"])).collect(),
        left_out: value["left_out"].as_u64().unwrap_or(0),
    }
}

fn client(row: &Value, you: &Value) -> Client {
    let size = &row["size"];
    Client {
        person: text(&row["person"]),
        size: match size.is_object() {
            true => format!("{}x{}", text(&size["cols"]), text(&size["rows"])),
            false => String::new(),
        },
        watches: row["watch"] == true,
        is_you: !you.is_null() && row["id"] == *you,
        since: typed(&row["since"]),
    }
}

fn task(row: &Value) -> Option<TaskRow> {
    let status = &row["status"];
    let gauges = &row["gauges"];
    Some(TaskRow {
        id: typed(&row["id"])?,
        title: text(&row["title"]),
        kind: text(&row["kind"]),
        agent: text(&row["agent"]),
        state: text(&row["state"]),
        since: typed(&row["since"]),
        status: status.is_object().then(|| Status {
            state: text(&status["state"]),
            kind: text(&status["kind"]),
            source: text(&status["source"]),
            since: typed(&status["since"]),
            is_paused: status["paused"] == true,
        }),
        run: typed(&row["run"]),
        branch: text(&row["branch"]).trim_start_matches("refs/heads/").to_string(),
        base: text(&row["base"]),
        head: text(&row["head"]),
        verdicts: list(&row["verdicts"])
            .iter()
            .map(|verdict| (text(&verdict["check"]), text(&verdict["outcome"])))
            .collect(),
        needs_you: row["needs_you"] == true,
        failure: text(&row["failure"]),
        rollbacks: list(&row["rollbacks"]).iter().map(rollback).collect(),
        changed: gauges["changed_files"].as_u64().zip(gauges["changed_lines"].as_u64()),
    })
}

/// How far it is stands alone or over what belongs to it.
fn rollback(row: &Value) -> Rollback {
    let progress = &row["progress"];
    let (word, about) = match progress.as_object().and_then(|of| of.iter().next()) {
        Some((word, about)) => (word.clone(), about),
        None => (text(progress), &Value::Null),
    };
    Rollback { op: text(&row["op"]), progress: word, why: text(&about["why"]) }
}

fn item(row: &Value) -> Option<ItemRow> {
    Some(ItemRow {
        id: row["id"].as_str()?.to_string(),
        kind: typed(&row["kind"]),
        word: text(&row["kind"]),
        is_halt: row["kind"] == "halt",
        task: typed(&row["task"])?,
        title: text(&row["title"]),
        note: typed(&row["note"]).unwrap_or_default(),
        details: list(&row["details"]).iter().map(text).collect(),
        found: list(&row["findings"]).iter().map(Found::read).collect(),
        found_count: row["finding_count"].as_u64().unwrap_or(0),
        attests: typed(&row["attests"]).unwrap_or_default(),
        moved_to: row["base_moved_to"].as_str().map(|_| text(&row["base_moved_to"]).into()),
        digest: row["digest"].as_str().unwrap_or_default().to_string(),
        binds: typed(&row["binds"]),
        since: typed(&row["since"]),
    })
}

fn rows(content: &Content) -> impl Iterator<Item = Value> {
    content.rows.iter().filter_map(|row| serde_json::from_str(row).ok())
}

/// A value as text that may be shown.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => Foreign::new(text.as_str()).shown(),
        other => Foreign::new(other.to_string()).shown(),
    }
}

/// The values of a list; of anything else, none.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A value as a type, if it is one.
pub fn typed<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

/// The beginning of a commit or digest.
pub fn short(hash: &str) -> &str {
    hash.get(..hash.len().min(8)).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_of_another_version_is_shown_as_far_as_it_goes() {
        let row = task(&json!({ "id": 7, "title": "a\u{202e}b", "new": [1] })).unwrap();
        assert_eq!((row.id, row.title.as_str()), (TaskId(7), "a\\u{202e}b"));
        assert_eq!(task(&json!({ "title": "no id" })), None);
        assert_eq!(task(&json!("row")), None);
        let item = item(&json!({ "id": "item1", "task": 7, "kind": "of-later" })).unwrap();
        assert_eq!((item.kind, item.word.as_str()), (None, "of-later"));
        assert_eq!(head(&Value::Null), Head::default());
    }
}
