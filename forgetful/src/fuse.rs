//! The tree as the kernel asks for it.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use crate::content::{Content, SECTOR};
use crate::names::Number;
use crate::tree::{Kind, Node, Refusal, Result, Tree};

/// The kernel asks again each time: names and attributes are never older than the question.
const KEPT: Duration = Duration::ZERO;
/// `O_DSYNC`, which `O_SYNC` includes.
const SYNCED_WRITES: i32 = 0o10000;
/// The space that this disk says it has, in blocks of 4 KiB.
const BLOCKS: u64 = 1 << 28;
const BLOCK_BYTES: u32 = 4096;

/// What is mounted.
pub(crate) struct Shown(pub(crate) Arc<Mutex<Tree>>);

impl Shown {
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, parent: INodeNo, name: &OsStr, node: Node) -> Result<FileAttr> {
        let mut tree = self.tree();
        let number = tree.make(parent.0, name, node)?;
        attributes(&tree, number)
    }
}

fn words(refusal: Refusal) -> Errno {
    match refusal {
        Refusal::NoPower => Errno::EIO,
        Refusal::NotFound => Errno::ENOENT,
        Refusal::Exists => Errno::EEXIST,
        Refusal::NotAFolder => Errno::ENOTDIR,
        Refusal::NotAFile => Errno::EISDIR,
        Refusal::NotEmpty => Errno::ENOTEMPTY,
        Refusal::NotSupported => Errno::EINVAL,
    }
}

fn attributes(tree: &Tree, number: Number) -> Result<FileAttr> {
    let node = tree.node(number)?;
    let (kind, size) = match &node.kind {
        Kind::File(content) => (FileType::RegularFile, content.shown().len() as u64),
        Kind::Folder(_) => (FileType::Directory, 0),
        Kind::Symbolic(target) => (FileType::Symlink, target.as_os_str().len() as u64),
    };
    Ok(FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(SECTOR as u64),
        atime: node.modified,
        mtime: node.modified,
        ctime: node.changed,
        crtime: node.changed,
        kind,
        perm: (node.mode & 0o7777) as u16,
        nlink: node.names,
        uid: node.user,
        gid: node.group,
        rdev: 0,
        blksize: BLOCK_BYTES,
        flags: 0,
    })
}

fn entry(reply: ReplyEntry, made: Result<FileAttr>) {
    match made {
        Ok(attributes) => reply.entry(&KEPT, &attributes, Generation(0)),
        Err(refusal) => reply.error(words(refusal)),
    }
}

fn empty(reply: ReplyEmpty, done: Result<()>) {
    match done {
        Ok(()) => reply.ok(),
        Err(refusal) => reply.error(words(refusal)),
    }
}

fn moment(given: TimeOrNow) -> SystemTime {
    match given {
        TimeOrNow::SpecificTime(time) => time,
        TimeOrNow::Now => SystemTime::now(),
    }
}

impl Filesystem for Shown {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let tree = self.tree();
        entry(reply, tree.find(parent.0, name).and_then(|number| attributes(&tree, number)));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match attributes(&self.tree(), ino.0) {
            Ok(attributes) => reply.attr(&KEPT, &attributes),
            Err(refusal) => reply.error(words(refusal)),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut tree = self.tree();
        let mut change = || {
            if let Some(length) = size {
                tree.set_length(ino.0, length)?;
            }
            let node = tree.node_mut(ino.0)?;
            node.mode = mode.map_or(node.mode, |mode| mode & 0o7777);
            node.user = uid.unwrap_or(node.user);
            node.group = gid.unwrap_or(node.group);
            node.modified = mtime.map_or(node.modified, moment);
            attributes(&tree, ino.0)
        };
        match change() {
            Ok(attributes) => reply.attr(&KEPT, &attributes),
            Err(refusal) => reply.error(words(refusal)),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        match self.tree().node(ino.0).map(|node| &node.kind) {
            Ok(Kind::Symbolic(target)) => reply.data(target.as_os_str().as_encoded_bytes()),
            Ok(_) => reply.error(Errno::EINVAL),
            Err(refusal) => reply.error(words(refusal)),
        }
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        let owner = (request.uid(), request.gid());
        entry(
            reply,
            self.make(parent, name, Node::new(Kind::File(Content::default()), mode & 0o7777, owner)),
        );
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, reply: ReplyEntry) {
        let owner = (request.uid(), request.gid());
        let folder = Kind::Folder(std::collections::BTreeMap::new());
        entry(reply, self.make(parent, name, Node::new(folder, mode & 0o7777, owner)));
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let owner = (request.uid(), request.gid());
        entry(reply, self.make(parent, name, Node::new(Kind::Symbolic(target.into()), 0o777, owner)));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(reply, self.tree().remove(parent.0, name, false));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(reply, self.tree().remove(parent.0, name, true));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let keeps = flags == RenameFlags::RENAME_NOREPLACE;
        if !flags.is_empty() && !keeps {
            return reply.error(Errno::EINVAL);
        }
        let (from, to) = ((parent.0, name.to_owned()), (newparent.0, newname.to_owned()));
        empty(reply, self.tree().rename(from, to, !keeps));
    }

    fn link(&self, _: &Request, ino: INodeNo, newparent: INodeNo, newname: &OsStr, reply: ReplyEntry) {
        let mut tree = self.tree();
        let linked = tree.link(ino.0, newparent.0, newname);
        entry(reply, linked.and_then(|()| attributes(&tree, ino.0)));
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.tree().node(ino.0) {
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::empty()),
            Err(refusal) => reply.error(words(refusal)),
        }
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let owner = (request.uid(), request.gid());
        let made = self.make(parent, name, Node::new(Kind::File(Content::default()), mode & 0o7777, owner));
        match made {
            Ok(attributes) => {
                reply.created(&KEPT, &attributes, Generation(0), FileHandle(0), FopenFlags::empty());
            }
            Err(refusal) => reply.error(words(refusal)),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.tree().content(ino.0) {
            Ok(content) => reply.data(content.read(offset, size as usize)),
            Err(refusal) => reply.error(words(refusal)),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        flags: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.tree().write(ino.0, offset, data, flags.0 & SYNCED_WRITES != 0) {
            Ok(()) => reply.written(data.len() as u32),
            Err(refusal) => reply.error(words(refusal)),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        empty(reply, self.tree().power());
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        empty(reply, self.tree().sync_file(ino.0));
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        empty(reply, self.tree().sync_folder(ino.0));
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let tree = self.tree();
        let entries = match tree.entries(ino.0) {
            Ok(entries) => entries,
            Err(refusal) => return reply.error(words(refusal)),
        };
        let dots = [(OsStr::new("."), ino.0), (OsStr::new(".."), ino.0)];
        let all = dots.into_iter().chain(entries.iter().map(|(name, number)| (name.as_os_str(), *number)));
        for (place, (name, number)) in all.enumerate().skip(usize::try_from(offset).unwrap_or(usize::MAX)) {
            let kind = attributes(&tree, number).map_or(FileType::RegularFile, |found| found.kind);
            if reply.add(INodeNo(number), place as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCK_BYTES, 255, BLOCK_BYTES);
    }
}
