//! A bad line in user space: bytes of a TCP connection arrive late, slowly and with stalls, by a
//! seed; the line can be cut.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// How bad.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// How long a byte is under way, in one direction.
    pub delay: Duration,
    /// Bytes a second, in one direction.
    pub rate: u32,
    /// One piece in so many waits for [`Line::stall`], as a lost packet does.
    pub stall_every: u64,
    /// How long it waits.
    pub stall: Duration,
    /// What decides which.
    pub seed: u64,
}

/// A relay in front of a port.
pub struct Relay {
    /// Where it listens.
    pub port: u16,
    cut: Arc<AtomicBool>,
    silent: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    /// Starts one.
    pub fn start(to: u16, line: Line) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, silent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let open = Arc::new(Mutex::new(Vec::new()));
        let (is_cut, connections) = (Arc::clone(&cut), Arc::clone(&open));
        let is_silent = Arc::clone(&silent);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let pair = || Some((near.try_clone().ok()?, far.try_clone().ok()?));
                let (Some(out), Some(back)) = (pair(), pair()) else { continue };
                connections.lock().unwrap().extend([near, far]);
                for (from, to) in [out, (back.1, back.0)] {
                    let is_silent = Arc::clone(&is_silent);
                    thread::spawn(move || direction(from, to, line, is_silent));
                }
            }
        });
        Self { port, cut, silent, open }
    }

    /// Holds everything back from now on: neither end can tell that from quiet.
    pub fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// Cuts the line: what is open breaks, nothing new gets through.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Mends it.
    pub fn mend(&self) {
        self.silent.store(false, Ordering::SeqCst);
        self.cut.store(false, Ordering::SeqCst);
    }
}

/// Reads as fast as bytes come, delivers as the line allows. What is under way is bounded, so that
/// the sender feels the line.
fn direction(mut from: TcpStream, mut to: TcpStream, line: Line, is_silent: Arc<AtomicBool>) {
    let (sender, under_way) = mpsc::sync_channel::<(Instant, Vec<u8>)>(16);
    thread::spawn(move || {
        let mut random = line.seed | 1;
        for (read_at, bytes) in under_way {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut due = read_at + line.delay;
            if line.stall_every > 0 && (random >> 33).is_multiple_of(line.stall_every) {
                due += line.stall;
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let takes = Duration::from_secs_f64(bytes.len() as f64 / f64::from(line.rate));
            thread::sleep(takes);
            while is_silent.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(10));
            }
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let mut bytes = [0; 1400];
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return,
            Ok(count) => {
                if sender.send((Instant::now(), bytes[..count].to_vec())).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
