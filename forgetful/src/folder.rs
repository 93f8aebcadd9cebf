//! A real folder read into a tree, and a tree written into a folder.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::content::Content;
use crate::names::Number;
use crate::tree::{Kind, Node, ROOT, Tree};

/// Reads everything in the folder, all of it durable.
pub(crate) fn load(folder: &Path, mut tree: Tree) -> io::Result<Tree> {
    let mut files: BTreeMap<(u64, u64), Number> = BTreeMap::new();
    let mut folders = vec![(folder.to_path_buf(), ROOT)];
    while let Some((path, number)) = folders.pop() {
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            let (from, data) = (entry.path(), entry.metadata()?);
            let same = files.get(&(data.dev(), data.ino())).copied();
            if let Some(same) = same.filter(|_| data.is_file()) {
                tree.link(same, number, &entry.file_name()).map_err(|_| odd(&from))?;
                continue;
            }
            let made = tree.make(number, &entry.file_name(), node(&from, &data)?).map_err(|_| odd(&from))?;
            if data.is_dir() {
                folders.push((from, made));
            } else if data.is_file() {
                files.insert((data.dev(), data.ino()), made);
            }
        }
    }
    tree.settle();
    Ok(tree)
}

fn node(path: &Path, data: &Metadata) -> io::Result<Node> {
    let kind = if data.is_dir() {
        Kind::Folder(BTreeMap::new())
    } else if data.is_symlink() {
        Kind::Symbolic(fs::read_link(path)?)
    } else if data.is_file() {
        let mut bytes = Vec::new();
        File::open(path)?.take(u64::MAX).read_to_end_of(&mut bytes)?;
        Kind::File(Content::durable(bytes))
    } else {
        return Err(odd(path));
    };
    let mut node = Node::new(kind, data.mode() & 0o7777, (data.uid(), data.gid()));
    node.modified = data.modified()?;
    Ok(node)
}

/// The whole of a file: this disk lives in memory.
trait Whole {
    fn read_to_end_of(self, bytes: &mut Vec<u8>) -> io::Result<usize>;
}

impl<R: Read> Whole for R {
    #[expect(clippy::disallowed_methods, reason = "this disk lives in memory, and only tests have one")]
    fn read_to_end_of(mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        self.read_to_end(bytes)
    }
}

fn odd(path: &Path) -> io::Error {
    io::Error::other(format!("{} is neither a file, a folder nor a symbolic link", path.display()))
}

/// Makes the folder's content that of the tree.
pub(crate) fn store(tree: &Tree, folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
    }
    let mut written: BTreeMap<Number, PathBuf> = BTreeMap::new();
    let mut folders = vec![(ROOT, folder.to_path_buf())];
    while let Some((number, path)) = folders.pop() {
        for (name, entry) in tree.entries(number).map_err(|_| odd(&path))? {
            let to = path.join(name);
            if let Some(first) = written.get(entry) {
                fs::hard_link(first, &to)?;
                continue;
            }
            let node = tree.node(*entry).map_err(|_| odd(&to))?;
            match &node.kind {
                Kind::Symbolic(target) => {
                    symlink(target, &to)?;
                    continue;
                }
                Kind::Folder(_) => {
                    fs::create_dir(&to)?;
                    folders.push((*entry, to.clone()));
                }
                Kind::File(content) => {
                    let mut file = File::create(&to)?;
                    file.write_all(content.shown())?;
                    file.set_modified(node.modified)?;
                    written.insert(*entry, to.clone());
                }
            }
            fs::set_permissions(&to, Permissions::from_mode(node.mode))?;
        }
    }
    Ok(())
}
