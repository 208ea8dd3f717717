//! The secret by which a run's hook reports are known to be its own.

use crate::base::durable;
use crate::base::hash;
use crate::base::id::RunId;
use crate::daemon::world::World;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The secret of a run's hook reports: derived from one of the instance, so that a later daemon
/// knows it too.
pub(super) fn token(world: &World, run: RunId) -> Result<String, String> {
    let secret = secret(&world.places.state.join("secret"))?;
    Ok(hash::sha256_parts([secret.as_slice(), run.to_string().as_bytes()]))
}

/// The secret of the instance, made when it is first asked for: once, also when several runs start
/// at the same moment.
fn secret(path: &Path) -> Result<Vec<u8>, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    match durable::read(path, 1024) {
        Ok(secret) => Ok(secret),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut random = [0; 32];
            let read = std::fs::File::open("/dev/urandom")
                .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut random));
            read.and_then(|()| durable::write(path, hash::hex(&random).as_bytes()))
                .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
            Ok(hash::hex(&random).into_bytes())
        }
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn runs_that_start_at_the_same_moment_share_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let threads: Vec<_> = (0..16)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || secret(&path).unwrap())
            })
            .collect();
        let told: BTreeSet<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(told.len(), 1, "a later report would be taken for a stranger's");
        assert_eq!(told.first(), Some(&std::fs::read(&path).unwrap()));
    }
}
