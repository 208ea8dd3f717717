//! A second opinion that shares no code with monban: the tree hash and the listing of a folder from
//! `read_dir` and `lstat` alone, with a SHA-1 of its own.

use monban::git::ObjectId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Files over this many bytes are listed by their size alone.
const READ_MAX: u64 = 64 << 20;

/// What git's tree of a folder does not hold, or holds otherwise.
#[derive(Default)]
pub struct Except {
    /// Paths that are left out.
    pub left: BTreeSet<Vec<u8>>,
    /// Submodules, with the commit that stands for them.
    pub submodules: BTreeMap<Vec<u8>, String>,
}

impl Except {
    /// Everything but git's and monban's own folders.
    pub fn own() -> Self {
        let left = [b".git".to_vec(), b".monban".to_vec()].into();
        Self { left, submodules: BTreeMap::new() }
    }
}

/// The id of the tree that git would make of the bytes in a folder.
pub fn tree(root: &Path, except: &Except) -> ObjectId {
    let id = folder(root, b"", except).unwrap_or_else(|| object("tree", b""));
    hex(&id).parse().unwrap()
}

/// The id of a folder's tree; `None` for one without files, which git does not know.
fn folder(root: &Path, path: &[u8], except: &Except) -> Option<[u8; 20]> {
    let mut entries: Vec<(Vec<u8>, &str, [u8; 20])> = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().as_bytes().to_vec();
        let below = if path.is_empty() { name.clone() } else { [path, b"/", &name].concat() };
        if except.left.contains(&below) {
            continue;
        }
        if let Some(commit) = except.submodules.get(&below) {
            entries.push((name, "160000", unhex(commit)));
            continue;
        }
        let metadata = fs::symlink_metadata(entry.path()).unwrap();
        if metadata.is_dir() {
            let inside = folder(&entry.path(), &below, except);
            entries.extend(inside.map(|id| (name, "40000", id)));
        } else if metadata.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap();
            entries.push((name, "120000", object("blob", target.as_os_str().as_bytes())));
        } else {
            assert!(metadata.is_file(), "{:?} has no place in a tree", entry.path());
            let mode = if metadata.mode() & 0o100 == 0 { "100644" } else { "100755" };
            entries.push((name, mode, object("blob", &fs::read(entry.path()).unwrap())));
        }
    }
    // Git sorts a folder as if its name ended with a slash.
    entries.sort_by_key(|(name, mode, _)| {
        let slash: &[u8] = if *mode == "40000" { b"/" } else { b"" };
        [name, slash].concat()
    });
    let lines =
        entries.iter().map(|(name, mode, id)| [mode.as_bytes(), b" ", name, b"\0", id].concat());
    let bytes: Vec<u8> = lines.flatten().collect();
    (!entries.is_empty()).then(|| object("tree", &bytes))
}

/// Everything below a folder: kind, permission bits, size, and bytes or link target, by path.
pub type Listing = BTreeMap<Vec<u8>, (char, u32, u64, String)>;

/// Lists a folder without the paths `left`.
pub fn list(root: &Path, left: &BTreeSet<Vec<u8>>) -> Listing {
    let mut all = Listing::new();
    let mut folders = vec![Vec::new()];
    while let Some(path) = folders.pop() {
        for entry in fs::read_dir(root.join(super::name(&path))).unwrap() {
            let name = entry.unwrap().file_name().as_bytes().to_vec();
            let below = if path.is_empty() { name } else { [&path[..], b"/", &name].concat() };
            if left.contains(&below) {
                continue;
            }
            let at = root.join(super::name(&below));
            let metadata = fs::symlink_metadata(&at).unwrap();
            let kind = metadata.file_type();
            let (letter, content) = if kind.is_dir() {
                folders.push(below.clone());
                ('d', String::new())
            } else if kind.is_symlink() {
                ('l', hex(fs::read_link(&at).unwrap().as_os_str().as_bytes()))
            } else if kind.is_fifo() {
                ('p', String::new())
            } else if kind.is_socket() {
                ('s', String::new())
            } else if metadata.len() > READ_MAX {
                ('f', String::new())
            } else {
                ('f', hex(&sha1(&fs::read(&at).unwrap())))
            };
            let size = if letter == 'f' { metadata.len() } else { 0 };
            let mode = if letter == 'l' { 0 } else { metadata.mode() & 0o7777 };
            all.insert(below, (letter, mode, size, content));
        }
    }
    all
}

/// The paths in which two listings differ.
pub fn differing(before: &Listing, after: &Listing) -> Vec<String> {
    let paths: BTreeSet<&Vec<u8>> = before.keys().chain(after.keys()).collect();
    let differ = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    differ.map(|path| path.escape_ascii().to_string()).collect()
}

fn object(kind: &str, bytes: &[u8]) -> [u8; 20] {
    sha1(&[format!("{kind} {}\0", bytes.len()).as_bytes(), bytes].concat())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The id that hexadecimal digits stand for.
pub fn unhex(text: &str) -> [u8; 20] {
    std::array::from_fn(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap())
}

/// SHA-1 as FIPS 180-4 describes it.
fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((bytes.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        let mut words = [0_u32; 80];
        for (word, four) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes(four.try_into().unwrap());
        }
        for at in 16..80 {
            let mixed = words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16];
            words[at] = mixed.rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (at, word) in words.iter().enumerate() {
            let (f, k) = match at {
                0..20 => ((b & c) | (!b & d), 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6),
            };
            let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e);
            let next = next.wrapping_add(k).wrapping_add(*word);
            (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
        }
        for (sum, word) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(word);
        }
    }
    let mut id = [0; 20];
    for (four, word) in id.chunks_exact_mut(4).zip(state) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    id
}

#[test]
fn the_second_opinion_is_gits_own() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("work");
    for length in [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 1000] {
        super::write(&root.join(format!("f{length}")), &vec![b'x'; length]);
    }
    super::write(&root.join("a/b"), b"1");
    super::write(&root.join("a.txt"), b"2");
    super::write(&root.join("a-b"), b"3");
    super::executable(&root.join("a-b"));
    fs::create_dir_all(root.join("empty/er")).unwrap();
    std::os::unix::fs::symlink("a/b", root.join("link")).unwrap();
    assert_eq!(tree(&root, &Except::own()), super::support::independent_tree(&root));
    super::write(&root.join("a/b"), b"2");
    assert_eq!(tree(&root, &Except::own()), super::support::independent_tree(&root));
}
