//! What a pack holds, by its index (version 2): a table of how many ids begin with at most each
//! byte, and the sorted ids.

use super::error::GitError;
use super::object::ObjectId;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

const HEAD: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
const COUNTS: usize = 256 * 4;
const ID: usize = 20;
/// No more ids are read at once than fit into a gigabyte.
const IDS_MAX: usize = (1 << 30) / ID;

/// The ids of all objects in the pack with this index.
pub(super) fn ids(index: &Path) -> Result<Vec<ObjectId>, GitError> {
    read(File::open(index).map_err(|error| GitError::io(index, error))?)
        .map_err(|error| GitError::io(index, error))
}

fn read(mut index: impl Read) -> io::Result<Vec<ObjectId>> {
    let strange = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_string());
    let (mut head, mut counts) = ([0; HEAD.len()], [0; COUNTS]);
    index.read_exact(&mut head)?;
    index.read_exact(&mut counts)?;
    let last = counts.last_chunk::<4>().copied().unwrap_or_default();
    let count = u32::from_be_bytes(last) as usize;
    if head != HEAD || count > IDS_MAX {
        return Err(strange("not the index of a pack as git writes it"));
    }
    let mut ids = vec![0; count * ID];
    index.read_exact(&mut ids)?;
    Ok(ids.chunks_exact(ID).filter_map(ObjectId::from_bytes).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(ids: &[[u8; ID]]) -> Vec<u8> {
        let mut bytes = HEAD.to_vec();
        for first in 0..=255_u8 {
            let count = ids.iter().filter(|id| id[0] <= first).count() as u32;
            bytes.extend(count.to_be_bytes());
        }
        bytes.extend(ids.concat());
        bytes
    }

    #[test]
    fn an_index_gives_every_id_and_what_is_cut_or_strange_gives_none() {
        let whole = index(&[[1; ID], [7; ID], [0xfe; ID]]);
        let ids = read(&whole[..]).unwrap();
        assert_eq!(ids.len(), 3);
        assert_eq!(ids[1].to_string(), "07".repeat(ID));
        assert!(read(&whole[..whole.len() - 1]).is_err(), "cut");
        let mut old = whole.clone();
        old[7] = 1;
        assert!(read(&old[..]).is_err(), "another version");
        assert!(read(&b""[..]).is_err());
        let mut vast = index(&[]);
        let at = HEAD.len() + COUNTS;
        vast[at - 4..at].copy_from_slice(&[0xff; 4]);
        assert!(read(&vast[..]).is_err(), "more than there can be");
    }
}
