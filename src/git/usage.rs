//! How much of the disk what a snapshot leaves out takes: ignored folders, HOME, whatever an agent
//! put there. Names and sizes are looked at; nothing is read, followed or waited for.

use super::files::{self, join, kind, look};
use rustix::fs::{Dir, FileType, Stat};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Folders deeper than this, and more entries than this, are not measured.
const FOLDERS_DEEP: usize = 200;
const ENTRIES: u64 = 5_000_000;

/// The bytes of what is at `paths` below `root` and in them; `None` where that cannot be told,
/// since a folder cannot be read or they are too deep or too many.
pub(crate) fn bytes(root: &Path, paths: impl Iterator<Item = Vec<u8>>) -> Option<u64> {
    measure(root, paths).ok()
}

fn measure(root: &Path, paths: impl Iterator<Item = Vec<u8>>) -> io::Result<u64> {
    let root = files::open_root(root).map_err(|error| io::Error::other(error.to_string()))?;
    let (mut bytes, mut entries) = (0_u64, 0);
    let mut folders = Vec::new();
    for path in paths {
        let (folder, name) = files::split(&path);
        let found = match files::descend(root.as_fd(), folder) {
            Ok(folder) => look(folder, name)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let Some(stat) = found else { continue };
        bytes = bytes.saturating_add(taken(&stat));
        if kind(&stat) == FileType::Directory {
            folders.push((path, 1));
        }
    }
    while let Some((path, depth)) = folders.pop() {
        if depth > FOLDERS_DEEP {
            return Err(io::Error::other("too many folders deep"));
        }
        let opened = files::descend(root.as_fd(), &path)?;
        for entry in Dir::read_from(&opened)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            entries += 1;
            if entries > ENTRIES {
                return Err(io::Error::other("too many entries"));
            }
            let Some(stat) = look(&opened, name)? else { continue };
            bytes = bytes.saturating_add(taken(&stat));
            if kind(&stat) == FileType::Directory {
                folders.push((join(&path, name), depth + 1));
            }
        }
    }
    Ok(bytes)
}

/// What a file takes: of one with holes only what is written, and of a small one not the rest of
/// its block.
fn taken(stat: &Stat) -> u64 {
    if kind(stat) != FileType::RegularFile {
        return 0;
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
    size.min(blocks.saturating_mul(512))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    fn paths(names: &[&str]) -> std::vec::IntoIter<Vec<u8>> {
        names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn what_is_written_counts_and_links_lead_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("out/deep")).unwrap();
        fs::write(root.join("out/deep/a"), vec![b'x'; 5000]).unwrap();
        fs::write(root.join("b"), "abc").unwrap();
        fs::write(root.join("not asked"), "abc").unwrap();
        std::os::unix::fs::symlink("/", root.join("out/link")).unwrap();
        File::create(root.join("out/hole")).unwrap().set_len(10 << 30).unwrap();
        File::open(root.join("out/deep/a")).unwrap().sync_all().unwrap();
        File::open(root.join("b")).unwrap().sync_all().unwrap();
        assert_eq!(bytes(root, paths(&["out", "b", "gone", "no/where"])), Some(5003));
        let deep = (0..=FOLDERS_DEEP).fold(root.join("d"), |path, _| path.join("d"));
        fs::create_dir_all(deep).unwrap();
        assert_eq!(bytes(root, paths(&["d"])), None, "what cannot be told is not nothing");
    }
}
