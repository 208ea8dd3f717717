//! The tables a client may look at: the tasks, and what waits for a person. Nothing in them ticks:
//! they say since when, not for how long.

use super::clients::{Client, decider};
use crate::base::id::RepoId;
use crate::daemon::view;
use crate::daemon::world::World;
use crate::model::core::Core;
use crate::model::rejection::Rejection;
use crate::view::{Content, Row};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// The most text of rows in one table; of more, the newest are shown.
const TABLE_BYTES_MAX: usize = 2 << 20;
/// How long before the state is looked at again when the log failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Table {
    /// The tasks of a repository, or of all.
    Tasks(Option<RepoId>),
    /// What waits there for a person.
    Inbox(Option<RepoId>),
}

/// One client's look at a table.
pub(super) struct Looked {
    /// Which.
    pub table: Table,
    /// Tells this look from an earlier one by the same number.
    pub generation: u64,
    /// Whether the state has changed since it was last looked at.
    pub is_stale: bool,
    /// What is to be shown and was not yet.
    pub ready: Option<Content>,
}

/// A table that was looked up: the surface, the generation, its content.
pub(super) type Found = (u32, u64, Content);

/// Looks the tables up in the durable state; `None` when the log has failed.
pub(super) async fn look(
    world: &World,
    wanted: Vec<(u32, u64, Table)>,
    yours: u64,
) -> Option<Vec<Found>> {
    let here = view::Here { node: world.node.clone(), now: None };
    let clients = world.clients.list();
    let look = move |core: &Core| {
        let content = |table| content(core, table, &here, &clients, yours);
        let found = |(surface, generation, table)| (surface, generation, content(table));
        wanted.into_iter().map(found).collect::<Vec<Found>>()
    };
    let found: Result<Vec<Found>, Rejection> = world.engine.look(look).await;
    if found.is_err() {
        tokio::time::sleep(RETRY_AFTER).await;
    }
    found.ok()
}

fn content(
    core: &Core,
    table: Table,
    here: &view::Here,
    clients: &[Client],
    yours: u64,
) -> Content {
    let state = &core.state;
    match table {
        Table::Tasks(repo) => {
            let Rows { rows, left_out } = rows(view::list(core, repo, here));
            let repository = repo.and_then(|repo| state.repos.get(&repo));
            let stopped: Vec<Value> = state
                .repos
                .values()
                .filter(|repo| repo.halt.is_some() || repo.hold.is_some())
                .map(|repo| view::repository(state, repo))
                .collect();
            let mut head = json!({
                "level": core.settings.level,
                "title": core.settings.level.title(),
                "node": here.node,
                "repository": repository.map(|repo| view::repository(state, repo)),
                "stopped": stopped,
                "needs_you": view::waiting(state, repo),
                "needs_you_anywhere": view::waiting(state, None),
                "clients": clients,
                "you": yours,
                "left_out": left_out,
            });
            if let (Value::Object(head), Value::Object(people)) = (&mut head, view::attended(state))
            {
                head.extend(people);
            }
            Content { head: head.into(), rows, ..Content::default() }
        }
        Table::Inbox(repo) => {
            let items = view::inbox(state, repo);
            let kinds = items
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|item| item["kind"].as_str().map(ToString::to_string));
            let mut by_kind = serde_json::Map::new();
            for kind in kinds {
                let count = by_kind.get(&kind).and_then(Value::as_u64).unwrap_or(0);
                by_kind.insert(kind, json!(count + 1));
            }
            let Rows { rows, left_out } = rows(items);
            let head = json!({
                "waiting": rows.len() + left_out,
                "anywhere": view::waiting(state, None),
                "by_kind": by_kind,
                "left_out": left_out,
                "deciding": deciding(clients),
                "you": yours,
            });
            Content { head: head.into(), rows, ..Content::default() }
        }
    }
}

/// Each item that is being decided, with the client whose turn it is.
fn deciding(clients: &[Client]) -> Vec<Value> {
    let items = clients.iter().filter_map(|client| Some(&client.decides.as_ref()?.0));
    let items: BTreeSet<&String> = items.collect();
    let row = |item: &&String| {
        let client = decider(clients.iter(), item)?;
        Some(json!({ "item": item, "client": client.id, "person": client.person }))
    };
    items.iter().filter_map(row).collect()
}

struct Rows {
    rows: Vec<Row>,
    left_out: usize,
}

fn rows(table: Value) -> Rows {
    let Value::Array(all) = table else { return Rows { rows: Vec::new(), left_out: 0 } };
    let mut bytes = 0;
    let newest = all.iter().rev().map(|row| Row::from(row.to_string())).take_while(|row| {
        bytes += row.len();
        bytes <= TABLE_BYTES_MAX
    });
    let mut rows: Vec<Row> = newest.collect();
    rows.reverse();
    Rows { left_out: all.len() - rows.len(), rows }
}
