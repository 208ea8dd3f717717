//! What can be returned to before a run starts and before a prompt is typed.

use super::judge::item;
use super::{Context, end};
use crate::base::id::TaskId;
use crate::model::attempt::{Delivery, Life, Prompt, Run, Snapshot};
use crate::model::checkpoint::{Kept, Moment, Point};
use crate::model::event::{Event, RunEvent};
use crate::model::item::ItemKind;
use crate::model::task::{Stage, Task};

/// The agent takes the next prompt now, or no longer does. One that goes back and forth is not
/// heard each time.
pub(super) fn ready(context: Context<'_>, task: &Task, number: u32, ready: bool) -> Vec<Event> {
    let Some(prompt) = waiting(task, number) else { return Vec::new() };
    let is_news = ready == (prompt.kept == Kept::NotYet);
    let is_news = is_news && (!ready || prompt.wavers.may_keep(context.now));
    let said = Event::Run(RunEvent::PromptReady { task: task.id, prompt: number, ready });
    is_news.then_some(said).into_iter().collect()
}

/// The prompt, when it is the next one and its typing has not begun.
fn waiting(task: &Task, number: u32) -> Option<&Prompt> {
    let next = task.attempt()?.next_prompt();
    next.filter(|next| next.number == number && next.delivery == Delivery::Wanted)
}

/// The worktree was read. It is no result: nothing is judged.
pub(super) fn taken(
    context: Context<'_>,
    id: TaskId,
    (attempt, number): (u32, u32),
    moment: Moment,
    result: &Result<Option<Snapshot>, String>,
) -> Vec<Event> {
    // What became of the task meanwhile may have taken the number: a merge, or the end of a turn.
    let is_wanted = |task: &&Task| {
        let current = task.attempt().map(|of| (of.number, of.next_snapshot));
        current == Some((attempt, number)) && task.may_go_on() && is_due(task, moment)
    };
    let Some(task) = context.state.task(id).filter(is_wanted) else { return Vec::new() };
    let (point, snapshot) = match result {
        Ok(Some(snapshot)) => {
            let snapshot = Snapshot { taken: moment, ..snapshot.clone() };
            (Point::Checkpoint(snapshot.number), Some(Box::new(snapshot)))
        }
        Ok(None) => (task.attempt().map_or(Point::Base, |attempt| attempt.last_point()), None),
        Err(why) => return failed(context, task, moment, why),
    };
    vec![Event::Run(RunEvent::Kept { task: id, moment, point, snapshot })]
}

fn is_due(task: &Task, moment: Moment) -> bool {
    let Some(attempt) = task.attempt() else { return false };
    let may = |run: &&Run| run.is_live() && run.stop.is_none();
    let Some(run) = attempt.run.as_ref().filter(may) else { return false };
    match moment {
        Moment::Run(number) => {
            number == attempt.number && run.life == Life::Wanted && attempt.kept == Kept::Due
        }
        Moment::Prompt(number) => {
            waiting(task, number).is_some_and(|prompt| prompt.kept == Kept::Due)
        }
        Moment::Turn | Moment::Decision => false,
    }
}

/// Nothing starts that could not be taken back: a person says what next, as after a turn. What
/// waits for judgement or a decision is superseded, as it would be by the prompt.
fn failed(context: Context<'_>, task: &Task, moment: Moment, why: &str) -> Vec<Event> {
    let mut events = Vec::new();
    if task.stage != Stage::Running {
        events.extend(end::close_items(context, task.id, end::of_work));
        events.push(Event::Run(RunEvent::WentOn { task: task.id }));
    }
    if let Moment::Prompt(prompt) = moment {
        let ready = false;
        events.push(Event::Run(RunEvent::PromptReady { task: task.id, prompt, ready }));
    }
    let id = task.id;
    let note = format!(
        "no checkpoint could be taken {moment}, so it waits: {why}; mend that, then say something \
         to it (`monban send {id}`) to have it tried again, or `monban abort {id}`"
    );
    events.push(item(context, task, ItemKind::Trouble, &note, None));
    events
}
