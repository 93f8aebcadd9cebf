//! Files and folders by number, and the steps at which the power can go.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::SystemTime;

use crate::chance::Chance;
use crate::content::Content;
use crate::names::{Name, Names, Number};
use crate::{Honesty, Lost};

/// The number of the folder that everything is in.
pub(crate) const ROOT: Number = 1;

/// Why something was not done. Words of the system come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The power is gone.
    NoPower,
    NotFound,
    Exists,
    NotAFolder,
    NotAFile,
    NotEmpty,
    NotSupported,
}

pub(crate) type Result<T> = std::result::Result<T, Refusal>;

/// What a number stands for.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    File(Content),
    Folder(BTreeMap<OsString, Number>),
    Symbolic(PathBuf),
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) user: u32,
    pub(crate) group: u32,
    pub(crate) modified: SystemTime,
    pub(crate) changed: SystemTime,
    /// Names that it has; a folder's own and its parent's count as one.
    pub(crate) names: u32,
}

impl Node {
    pub(crate) fn new(kind: Kind, mode: u32, (user, group): (u32, u32)) -> Self {
        let now = SystemTime::now();
        Self { kind, mode, user, group, modified: now, changed: now, names: 0 }
    }
}

#[derive(Debug)]
pub(crate) struct Tree {
    nodes: BTreeMap<Number, Node>,
    names: Names,
    next: Number,
    chance: Chance,
    honesty: Honesty,
    steps: u64,
    /// The step that does not happen any more.
    ends_at: Option<u64>,
    cut: bool,
}

impl Tree {
    pub(crate) fn new(seed: u64, honesty: Honesty) -> Self {
        let mut root = Node::new(Kind::Folder(BTreeMap::new()), 0o755, (0, 0));
        root.names = 1;
        Self {
            nodes: BTreeMap::from([(ROOT, root)]),
            names: Names::default(),
            next: ROOT + 1,
            chance: Chance::new(seed),
            honesty,
            steps: 0,
            ends_at: None,
            cut: false,
        }
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    pub(crate) fn cut_after(&mut self, steps: u64) {
        self.cut |= steps == 0;
        self.ends_at = Some(self.steps + steps);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    pub(crate) fn power(&self) -> Result<()> {
        if self.cut { Err(Refusal::NoPower) } else { Ok(()) }
    }

    /// Counts a change or a sync; at the step chosen the power goes before it is done.
    fn step(&mut self) -> Result<()> {
        self.cut |= self.ends_at.is_some_and(|end| self.steps >= end);
        self.power()?;
        self.steps += 1;
        Ok(())
    }

    pub(crate) fn node(&self, number: Number) -> Result<&Node> {
        self.power()?;
        self.nodes.get(&number).ok_or(Refusal::NotFound)
    }

    pub(crate) fn node_mut(&mut self, number: Number) -> Result<&mut Node> {
        self.power()?;
        self.nodes.get_mut(&number).ok_or(Refusal::NotFound)
    }

    pub(crate) fn entries(&self, folder: Number) -> Result<&BTreeMap<OsString, Number>> {
        match &self.node(folder)?.kind {
            Kind::Folder(entries) => Ok(entries),
            _ => Err(Refusal::NotAFolder),
        }
    }

    pub(crate) fn find(&self, folder: Number, name: &OsStr) -> Result<Number> {
        self.entries(folder)?.get(name).copied().ok_or(Refusal::NotFound)
    }

    pub(crate) fn content(&self, number: Number) -> Result<&Content> {
        match &self.node(number)?.kind {
            Kind::File(content) => Ok(content),
            _ => Err(Refusal::NotAFile),
        }
    }

    /// Makes a file, folder or symbolic link under a new name.
    pub(crate) fn make(&mut self, folder: Number, name: &OsStr, node: Node) -> Result<Number> {
        if self.find(folder, name) != Err(Refusal::NotFound) {
            return Err(Refusal::Exists);
        }
        self.step()?;
        let number = self.next;
        self.next += 1;
        self.nodes.insert(number, node);
        self.set(vec![((folder, name.to_owned()), Some(number))]);
        Ok(number)
    }

    pub(crate) fn link(&mut self, number: Number, folder: Number, name: &OsStr) -> Result<()> {
        if self.find(folder, name) != Err(Refusal::NotFound) {
            return Err(Refusal::Exists);
        }
        self.content(number)?;
        self.step()?;
        self.set(vec![((folder, name.to_owned()), Some(number))]);
        Ok(())
    }

    /// Removes the name of a file, or of a folder that is empty.
    pub(crate) fn remove(&mut self, folder: Number, name: &OsStr, of_folder: bool) -> Result<()> {
        let number = self.find(folder, name)?;
        match &self.node(number)?.kind {
            Kind::Folder(_) if !of_folder => return Err(Refusal::NotAFile),
            Kind::Folder(entries) if !entries.is_empty() => return Err(Refusal::NotEmpty),
            Kind::File(_) | Kind::Symbolic(_) if of_folder => return Err(Refusal::NotAFolder),
            _ => {}
        }
        self.step()?;
        self.set(vec![((folder, name.to_owned()), None)]);
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: Name, to: Name, replace: bool) -> Result<()> {
        let number = self.find(from.0, &from.1)?;
        match self.find(to.0, &to.1) {
            Ok(_) if !replace => return Err(Refusal::Exists),
            Ok(there) if there == number => return Ok(()),
            Ok(there) => {
                if matches!(&self.node(there)?.kind, Kind::Folder(entries) if !entries.is_empty()) {
                    return Err(Refusal::NotEmpty);
                }
            }
            Err(Refusal::NotFound) => {}
            Err(other) => return Err(other),
        }
        self.step()?;
        self.set(vec![(from, None), (to, Some(number))]);
        Ok(())
    }

    /// Changes names, shown and remembered; a file stays while it has none, because somebody may have it open.
    fn set(&mut self, sets: Vec<(Name, Option<Number>)>) {
        let now = SystemTime::now();
        for ((folder, name), number) in &sets {
            let Some(Node { kind: Kind::Folder(entries), modified, .. }) = self.nodes.get_mut(folder) else {
                continue;
            };
            *modified = now;
            let before = match number {
                Some(number) => entries.insert(name.clone(), *number),
                None => entries.remove(name),
            };
            for (which, more) in [(before, false), (*number, true)] {
                let Some(node) = which.and_then(|number| self.nodes.get_mut(&number)) else { continue };
                node.changed = now;
                node.names = if more { node.names + 1 } else { node.names.saturating_sub(1) };
            }
        }
        self.names.change(sets);
    }

    pub(crate) fn write(&mut self, number: Number, offset: u64, bytes: &[u8], synced: bool) -> Result<()> {
        let offset = usize::try_from(offset).map_err(|_| Refusal::NotSupported)?;
        self.change_content(number, |content| content.write(offset, bytes))?;
        if synced { self.sync_file(number) } else { Ok(()) }
    }

    pub(crate) fn set_length(&mut self, number: Number, length: u64) -> Result<()> {
        let length = usize::try_from(length).map_err(|_| Refusal::NotSupported)?;
        self.change_content(number, |content| content.set_length(length))
    }

    fn change_content(&mut self, number: Number, change: impl FnOnce(&mut Content)) -> Result<()> {
        self.content(number)?;
        self.step()?;
        let node = self.node_mut(number)?;
        if let Kind::File(content) = &mut node.kind {
            change(content);
        }
        node.modified = SystemTime::now();
        node.changed = node.modified;
        Ok(())
    }

    pub(crate) fn sync_file(&mut self, number: Number) -> Result<()> {
        self.step()?;
        if self.honesty == Honesty::Lying {
            return Ok(());
        }
        if let Kind::File(content) = &mut self.node_mut(number)?.kind {
            content.sync();
        }
        Ok(())
    }

    pub(crate) fn sync_folder(&mut self, number: Number) -> Result<()> {
        self.step()?;
        if self.honesty == Honesty::Honest {
            self.names.sync(number);
        }
        Ok(())
    }

    pub(crate) fn settle(&mut self) {
        self.names.settle();
        for node in self.nodes.values_mut() {
            if let Kind::File(content) = &mut node.kind {
                content.sync();
            }
        }
    }

    /// The tree after a power cut, and what the cut took. Files that no name leads to are gone.
    pub(crate) fn survivors(&mut self) -> (Tree, Lost) {
        let (names, names_lost) = self.names.cut(&mut self.chance);
        let mut left = Tree::new(0, self.honesty);
        let mut lost = Lost { names: names_lost, sectors: 0 };
        let mut contents: BTreeMap<Number, Number> = BTreeMap::new();
        let mut folders = vec![(ROOT, ROOT)];
        while let Some((folder, new_folder)) = folders.pop() {
            let inside = names.range((folder, OsString::new())..(folder + 1, OsString::new()));
            for ((_, name), number) in inside {
                if let Some(&again) = contents.get(number) {
                    let _ = left.link(again, new_folder, name);
                    continue;
                }
                let Some(node) = self.nodes.get(number) else { continue };
                let mut node = Node { names: 0, ..node.clone() };
                match &mut node.kind {
                    Kind::Folder(entries) => entries.clear(),
                    Kind::Symbolic(_) => {}
                    Kind::File(content) => {
                        let (bytes, sectors) = content.cut(&mut self.chance);
                        lost.sectors += sectors;
                        *content = Content::durable(bytes);
                    }
                }
                let is_folder = matches!(node.kind, Kind::Folder(_));
                let Ok(new) = left.make(new_folder, name, node) else { continue };
                if is_folder {
                    folders.push((*number, new));
                } else {
                    contents.insert(*number, new);
                }
            }
        }
        (left, lost)
    }
}
