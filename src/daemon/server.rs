//! The people's socket: hello, requests, answers. Serves each connection by itself; what it needs
//! to know or change goes through the engine.

use super::requests::{self, After, Asked};
use super::session;
use super::world::World;
use crate::model::rejection::{Class, Rejection};
use crate::runner::{self, Origin};
use crate::wire::frame::{self, FrameError};
use crate::wire::people::{Answer, Ask, Hello, MAGIC, PROTOCOL, PROTOCOL_OLDEST, Request, Welcome};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

/// How many connections are served at once; more wait.
const CONNECTIONS_MAX: usize = 256;
/// How many answers may wait for a slow client before its own request waits for it.
const ANSWERS_MAX: usize = 64;
/// How many connections from inside runs are told that they are refused; more are closed at once.
const STRANGERS_MAX: usize = 16;
/// The longest name of a person.
const PERSON_BYTES_MAX: usize = 256;
/// How long a client may take for its hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves `listener` until the task is dropped.
pub async fn serve(listener: UnixListener, world: Arc<World>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // Out of descriptors, say: others will close theirs.
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (world, strangers) = (Arc::clone(&world), Arc::clone(&strangers));
        tokio::spawn(async move {
            let trouble = refuse_peer(&stream, &world);
            // An agent that connects again and again takes no place from a person.
            let place = match trouble {
                None => Ok(place),
                Some(_) => {
                    drop(place);
                    strangers.try_acquire_owned()
                }
            };
            if let Ok(_place) = place {
                connection(stream, trouble, world).await;
            }
        });
    }
}

async fn connection(stream: UnixStream, trouble: Option<Rejection>, world: Arc<World>) {
    let (mut reader, mut writer) = stream.into_split();
    let hello = tokio::time::timeout(HELLO_TIMEOUT, frame::read_async::<Hello>(&mut reader)).await;
    let Ok(Ok(Some(hello))) = hello else { return };
    let refused = trouble.or_else(|| refuse_hello(&hello));
    let welcome = Welcome {
        magic: MAGIC.into(),
        protocol: if refused.is_none() { hello.protocol } else { PROTOCOL },
        version: env!("CARGO_PKG_VERSION").into(),
        pid: std::process::id(),
        damage: world.engine.damage().map(ToString::to_string),
        refused: refused.clone(),
    };
    if frame::write_async(&mut writer, &welcome).await.is_err() || refused.is_some() {
        return;
    }
    let _ = requests(reader, writer, world, hello).await;
}

/// Reads requests one by one. A client that goes away ends the request it was waiting for.
async fn requests(
    mut reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
    world: Arc<World>,
    hello: Hello,
) -> Result<(), frame::FrameError> {
    let Hello { person, protocol, .. } = hello;
    let mut next = frame::read_async::<Request>(&mut reader).await?;
    while let Some(request) = next {
        if let Ask::Attach { watch, all, size } = request.ask {
            let (answers, at) = (mpsc::channel(1).0, request.at);
            let (world, person) = (Arc::clone(&world), person.clone());
            let asked = Asked { world, person, at, watch, answers };
            match session::attach(&asked, watch, all, size).await {
                Ok(attached) => {
                    return session::serve(attached, protocol, reader, writer).await;
                }
                Err(refused) => {
                    frame::write_async(&mut writer, &Answer::Refused(refused)).await?;
                    next = frame::read_async::<Request>(&mut reader).await?;
                    continue;
                }
            }
        }
        let (sender, mut answers) = mpsc::channel::<Answer>(ANSWERS_MAX);
        let work = requests::handle(Arc::clone(&world), person.clone(), false, request, sender);
        let work = tokio::spawn(work);
        let abort = work.abort_handle();
        let write = async {
            while let Some(answer) = answers.recv().await {
                match frame::write_async(&mut writer, &answer).await {
                    Err(FrameError::TooLarge(bytes)) if matches!(answer, Answer::Done(_)) => {
                        frame::write_async(&mut writer, &requests::too_large(bytes)).await?;
                    }
                    written => written?,
                }
            }
            Ok::<(), frame::FrameError>(())
        };
        let read = frame::read_async::<Request>(&mut reader);
        tokio::pin!(read);
        let early = tokio::select! {
            written = write => written.map(|()| None),
            request = &mut read => Ok(Some(request)),
        };
        if !matches!(early, Ok(None)) {
            // It spoke or hung up while its request was under way: the request is given up.
            abort.abort();
        }
        let early = early?;
        match work.await {
            // A daemon that is to stop stops after its answer is out.
            Ok(After::Stop) => world.engine.stop().await,
            // Its answer never comes: the client is not left to wait for it.
            Err(error) if error.is_panic() => return Ok(()),
            _ => {}
        }
        next = match early {
            None => read.await?,
            Some(request) => request?,
        };
    }
    Ok(())
}

fn refuse_hello(hello: &Hello) -> Option<Rejection> {
    // It stands in the log and on everybody's screen.
    if hello.person.len() > PERSON_BYTES_MAX {
        let why =
            format!("a name of {} bytes is longer than {PERSON_BYTES_MAX}", hello.person.len());
        return Some(Rejection::input(why, "set USER to your name and run the command again"));
    }
    let serves = (PROTOCOL_OLDEST..=PROTOCOL).contains(&hello.protocol);
    if hello.magic == MAGIC && serves {
        return None;
    }
    let (theirs, ours) = (&hello.version, env!("CARGO_PKG_VERSION"));
    Some(Rejection::new(
        Class::Environment,
        format!(
            "the daemon is monban {ours} (protocol {PROTOCOL}), this command is monban {theirs} \
             (protocol {})",
            hello.protocol
        ),
        if hello.protocol > PROTOCOL {
            "`monban daemon upgrade`, then run the command again; agents go on meanwhile"
        } else {
            "run the monban of the daemon's version, or a later one"
        },
    ))
}

/// Only the same user is served, and nobody from inside a run: agents may report and nothing else.
/// Of whom it cannot be told is not served either: whoever connected may be gone since, and have
/// left the connection to a process of a run.
fn refuse_peer(stream: &UnixStream, world: &World) -> Option<Rejection> {
    let peer = stream.peer_cred().ok();
    if let Some(user) = peer.map(|peer| peer.uid()).filter(|user| *user != world.user) {
        let why = format!("this daemon serves user {} only, not {user}", world.user);
        return Some(Rejection::refused(why, "run the command as that user"));
    }
    let pid = peer.and_then(|peer| u32::try_from(peer.pid()?).ok());
    match pid.map_or(Origin::Unknown, runner::origin) {
        Origin::Outside => None,
        Origin::Inside => Some(Rejection::refused(
            "a command inside a run may report and nothing else",
            "ask a person to do it outside",
        )),
        Origin::Unknown => Some(Rejection::refused(
            "it cannot be told whether this command comes from inside a run",
            "run it again, from a shell that stays",
        )),
    }
}
