//! Requests of the command line that an attached client makes beside its frames.

use crate::daemon::requests::{self, After};
use crate::daemon::world::World;
use crate::model::rejection::Rejection;
use crate::wire::people::{Answer, Ask, DaemonAsk, InboxAsk, PlanAsk, Request, ShowAsk};
use crate::wire::view::Told;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How many requests of one client may be under way.
const ASKS_MAX: usize = 16;
/// How many answers to one request may wait to be sent before the request itself waits.
const ANSWERS_MAX: usize = 4;

/// The requests of one client; they are given up with it.
pub(super) struct Asks {
    world: Arc<World>,
    person: String,
    client: u64,
    watch: bool,
    told: mpsc::Sender<Told>,
    under_way: JoinSet<()>,
}

impl Asks {
    /// None yet; answers go to `told`.
    pub fn new(
        world: &Arc<World>,
        person: &str,
        client: u64,
        watch: bool,
        told: mpsc::Sender<Told>,
    ) -> Self {
        let (world, person) = (Arc::clone(world), person.to_string());
        Self { world, person, client, watch, told, under_way: JoinSet::new() }
    }

    /// Takes a request, or gives its refusal; answers come under `id`.
    pub fn take(&mut self, id: u32, request: Request) -> Option<Told> {
        while self.under_way.try_join_next().is_some() {}
        if let Some(refused) = self.refuse(&request.ask) {
            return Some(Told::Answer { id, answer: Answer::Refused(refused) });
        }
        let told = self.told.clone();
        let (world, person, watch) = (Arc::clone(&self.world), self.person.clone(), self.watch);
        self.under_way.spawn(async move {
            let (sender, mut answers) = mpsc::channel(ANSWERS_MAX);
            let work = requests::handle(Arc::clone(&world), person, watch, request, sender);
            let pass_on = async {
                while let Some(answer) = answers.recv().await {
                    if told.send(Told::Answer { id, answer }).await.is_err() {
                        return;
                    }
                }
            };
            let (after, ()) = tokio::join!(work, pass_on);
            if after == After::Stop {
                world.engine.stop().await;
            }
        });
        None
    }

    fn refuse(&self, ask: &Ask) -> Option<Rejection> {
        if self.watch && changes(ask) {
            return Some(requests::only_watches());
        }
        if let Ask::Inbox(InboxAsk::Approve { item, .. } | InboxAsk::Reject { item, .. }) = ask
            && let Some(other) = self.world.clients.decider(item)
            && other.id != self.client
        {
            let why = format!("{} decides {item} at another dashboard", other.person);
            return Some(Rejection::refused(why, "look at it again, and take it over there"));
        }
        (self.under_way.len() >= ASKS_MAX).then(|| {
            let why = format!("{ASKS_MAX} requests of this client are under way");
            Rejection::refused(why, "wait for one of them")
        })
    }
}

/// Whether a request changes anything or says that its person is there.
fn changes(ask: &Ask) -> bool {
    match ask {
        Ask::Show(ShowAsk::Wait { .. }) => true,
        Ask::Show(_) | Ask::Plan(PlanAsk::Check) => false,
        Ask::Daemon(ask) => !matches!(ask, DaemonAsk::Status | DaemonAsk::Verify),
        Ask::Plan(_) | Ask::Task(..) | Ask::Inbox(_) | Ask::Attach { .. } => true,
    }
}
