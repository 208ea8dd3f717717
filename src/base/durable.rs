//! Files that survive a crash: written whole or not at all, and read with a bound.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path` so that after any crash the file holds either the old or the new
/// content. The file is private to its owner (mode 0600).
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    swap_in(path, bytes, File::sync_all)?;
    sync_parent(path)
}

/// The same for what is of no use after a power cut, which may take it or leave it empty: a crash
/// of the program leaves the old or the new content, and nobody waits for the disk.
pub fn write_json_for_now<T: serde::Serialize>(path: &Path, value: &T) -> io::Result<()> {
    swap_in(path, &serde_json::to_vec(value)?, |_| Ok(()))
}

fn swap_in(path: &Path, bytes: &[u8], flush: fn(&File) -> io::Result<()>) -> io::Result<()> {
    let temporary = temporary_beside(path);
    let written = write_new(&temporary, bytes, flush).and_then(|()| fs::rename(&temporary, path));
    written.inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

/// Serialises `value` as indented JSON and writes it with [`write`].
pub fn write_json<T: serde::Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    write(path, &bytes)
}

/// Reads a file of at most `limit` bytes; a longer one is an error, not a prefix. Anything but a
/// plain file is an error too: nobody must be able to hang a reader with a pipe in a file's place.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_plain(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("{} is larger than {limit} bytes", path.display());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Opens a plain file to read it, and nothing else in its place.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let without_waiting = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(without_waiting).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    let message = format!("{} is not a plain file", path.display());
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Flushes the folder that holds `path`, so that the name itself survives power loss.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

fn write_new(path: &Path, bytes: &[u8], flush: fn(&File) -> io::Result<()>) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    flush(&file)
}

/// A name that no other process and no other thread uses at the same time.
fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    name.push(format!(".{}-{thread}.new", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_content_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        write(&path, b"old").unwrap();
        fs::create_dir(temporary_beside(&path)).unwrap();
        assert!(write(&path, b"new").is_err());
        assert_eq!(read(&path, 10).unwrap(), b"old");
    }

    #[test]
    fn threads_that_write_the_same_file_do_not_disturb_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..20).for_each(|_| write(&path, b"whole").unwrap()));
            }
        });
        assert_eq!(read(&path, 10).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no litter");
    }

    #[test]
    fn a_pipe_in_a_files_place_is_an_error_and_hangs_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        assert_eq!(read(&path, 5).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(read(folder.path(), 5).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_file_over_its_bound_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big");
        write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read(&path, 5).unwrap(), b"12345");
    }
}
