//! A disk in memory that loses, tears, shortens and refuses writes on request.
#![allow(dead_code, reason = "each test file uses its part")]

use monban::store::{Disk, DiskFile, LockGuard};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// What becomes of data that was not flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process died; the page cache lives on.
    Process,
    /// The power failed; nothing unflushed survives, neither bytes nor names.
    Power,
    /// The power failed; about half of the unflushed bytes of each file survive.
    PowerTorn,
    /// The power failed; the file has its length but its unflushed bytes are NUL.
    PowerNul,
}

/// What the disk does instead of the operation with this number (counted from 0).
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// This operation and all later ones fail: the machine is gone.
    Crash(u64),
    /// Only this operation fails.
    Once(u64, ErrorKind),
    /// Writes and creations from here on find the disk full, after half of this one was written.
    FullFrom(u64),
    /// Every flush from here on fails.
    SyncsFailFrom(u64),
}

/// One operation that was asked for, by name and file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub what: &'static str,
    pub file: String,
    pub failed: bool,
}

#[derive(Clone, Debug, Default)]
struct Content {
    now: Vec<u8>,
    flushed: Vec<u8>,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<PathBuf, Content>,
    flushed_names: BTreeSet<PathBuf>,
    operations: Vec<Operation>,
    fault: Option<Fault>,
    syncs_wait: bool,
}

/// The disk. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct FakeDisk(Arc<(Mutex<Inner>, Condvar)>);

impl FakeDisk {
    pub fn with_fault(self, fault: Fault) -> Self {
        self.inner().fault = Some(fault);
        self
    }

    pub fn heal(&self) {
        self.inner().fault = None;
    }

    /// Lets every flush wait until [`FakeDisk::let_syncs_end`].
    pub fn hold_syncs(&self) {
        self.inner().syncs_wait = true;
    }

    pub fn let_syncs_end(&self) {
        self.inner().syncs_wait = false;
        self.0.1.notify_all();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.0.lock().unwrap()
    }

    pub fn operations(&self) -> Vec<Operation> {
        self.inner().operations.clone()
    }

    /// The disk as the next start of the machine or the process finds it.
    pub fn after(&self, crash: Crash) -> FakeDisk {
        let inner = self.inner();
        let mut files = BTreeMap::new();
        for (path, content) in &inner.files {
            let mut now = content.now.clone();
            let keeps_name = crash == Crash::Process || inner.flushed_names.contains(path);
            let kept = content.flushed.len().min(now.len());
            match crash {
                Crash::Process => {}
                Crash::Power => now.truncate(kept),
                Crash::PowerTorn => now.truncate(kept + (now.len() - kept) / 2),
                Crash::PowerNul => now[kept..].fill(0),
            }
            if keeps_name {
                let flushed = match crash {
                    Crash::Process => content.flushed.clone(),
                    _ => now.clone(),
                };
                files.insert(path.clone(), Content { now, flushed });
            }
        }
        let flushed_names = match crash {
            Crash::Process => inner.flushed_names.clone(),
            _ => files.keys().cloned().collect(),
        };
        let inner = Inner { files, flushed_names, ..Inner::default() };
        FakeDisk(Arc::new((Mutex::new(inner), Condvar::new())))
    }

    /// Puts a flushed file on the disk, in place of what was there.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let content = Content { now: bytes.into(), flushed: bytes.into() };
        let mut inner = self.inner();
        inner.files.insert(path.into(), content);
        inner.flushed_names.insert(path.into());
    }

    pub fn file(&self, path: &Path) -> Option<Vec<u8>> {
        self.inner().files.get(path).map(|content| content.now.clone())
    }

    pub fn names(&self) -> Vec<String> {
        let inner = self.inner();
        inner.files.keys().map(|path| path.file_name().unwrap().to_string_lossy().into()).collect()
    }
}

impl Inner {
    /// Counts an operation; `Err` when it must fail. For a write, how much of it happens first.
    fn begin(&mut self, what: &'static str, path: &Path) -> (f64, io::Result<()>) {
        let number = self.operations.len() as u64;
        let (done, result) = match self.fault {
            Some(Fault::Crash(at)) if number == at => (0.5, Err(io::Error::other("gone"))),
            Some(Fault::Crash(at)) if number > at => (0.0, Err(io::Error::other("gone"))),
            Some(Fault::Once(at, kind)) if number == at => (0.0, Err(kind.into())),
            Some(Fault::FullFrom(at)) if number >= at && ["write", "create"].contains(&what) => {
                (if number == at { 0.5 } else { 0.0 }, Err(ErrorKind::StorageFull.into()))
            }
            Some(Fault::SyncsFailFrom(at)) if number >= at && what == "sync" => {
                (0.0, Err(io::Error::other("input/output error")))
            }
            _ => (1.0, Ok(())),
        };
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.operations.push(Operation { what, file, failed: result.is_err() });
        (done, result)
    }
}

#[derive(Debug)]
struct NoLock;
impl LockGuard for NoLock {}

impl Disk for FakeDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.inner().begin("folder", folder).1
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.inner().begin("list", folder).1?;
        Ok(self.names())
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let mut inner = self.inner();
        inner.begin("read", path).1?;
        let content = inner.files.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(Box::new(Cursor::new(content.now.clone())))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.inner();
        inner.begin("create", path).1?;
        if inner.files.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        inner.files.insert(path.into(), Content::default());
        Ok(Box::new(FakeFile { disk: self.clone(), path: path.into() }))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.inner().begin("append", path).1?;
        Ok(Box::new(FakeFile { disk: self.clone(), path: path.into() }))
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let mut inner = self.inner();
        inner.begin("truncate", path).1?;
        let content = inner.files.get_mut(path).ok_or(ErrorKind::NotFound)?;
        content.now.truncate(length as usize);
        content.flushed = content.now.clone();
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.begin("remove", path).1?;
        inner.files.remove(path).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.begin("sync_folder", folder).1?;
        inner.flushed_names = inner.files.keys().cloned().collect();
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn LockGuard>>> {
        self.inner().begin("lock", path).1?;
        Ok(Some(Box::new(NoLock)))
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(1 << 30)
    }
}

struct FakeFile {
    disk: FakeDisk,
    path: PathBuf,
}

impl DiskFile for FakeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.disk.inner();
        let (done, result) = inner.begin("write", &self.path);
        let count = (bytes.len() as f64 * done) as usize;
        let content = inner.files.get_mut(&self.path).ok_or(ErrorKind::NotFound)?;
        content.now.extend_from_slice(&bytes[..count]);
        match result {
            // A nearly full disk writes less than asked and says why only at the next write.
            Err(error) if error.kind() == ErrorKind::StorageFull && count > 0 => {
                inner.operations.last_mut().unwrap().failed = false;
                Ok(count)
            }
            Err(error) => Err(error),
            Ok(()) => Ok(count),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.begin("sync", &self.path).1?;
        while inner.syncs_wait {
            inner = self.disk.0.1.wait(inner).unwrap();
        }
        let content = inner.files.get_mut(&self.path).ok_or(ErrorKind::NotFound)?;
        content.flushed = content.now.clone();
        Ok(())
    }
}
