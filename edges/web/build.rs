//! Puts the built page into the library: a table of the files of `ui/dist`, each as it is and compressed beforehand. Where
//! nobody built the page, the table is empty; nothing here needs Node.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = folder_of("CARGO_MANIFEST_DIR")?.join("ui/dist");
    let out = folder_of("OUT_DIR")?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", root.display());
    // The compiler reads copies, so that a page that is built again meanwhile does not take its files away.
    let copies = out.join("page");
    fs::remove_dir_all(&copies).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    fs::create_dir_all(&copies)?;
    let mut files = Vec::new();
    if root.is_dir() {
        gather(&root, &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for (number, file) in files.iter().filter(|file| !is_compressed(file)).enumerate() {
        let name = file.strip_prefix(&root).map_err(io::Error::other)?.to_string_lossy();
        let copy = |ending: &str| -> io::Result<Option<String>> {
            let from = PathBuf::from(format!("{}{ending}", file.display()));
            let to = copies.join(format!("{number}{ending}"));
            if !from.is_file() {
                return Ok(None);
            }
            fs::copy(&from, &to)?;
            Ok(Some(format!("include_bytes!({:?})", to.display().to_string())))
        };
        let plain = copy("")?.ok_or(io::ErrorKind::NotFound)?;
        let coded = |ending| {
            copy(ending).map(|bytes| bytes.map_or("None".to_owned(), |bytes| format!("Some({bytes})")))
        };
        let (gzip, brotli) = (coded(".gz")?, coded(".br")?);
        writeln!(table, "File {{ name: {name:?}, plain: {plain}, gzip: {gzip}, brotli: {brotli} }},")
            .map_err(io::Error::other)?;
    }
    table.push(']');
    fs::write(out.join("page.rs"), table)
}

fn folder_of(variable: &str) -> io::Result<PathBuf> {
    env::var_os(variable).map(PathBuf::from).ok_or_else(|| io::Error::other(format!("cargo sets {variable}")))
}

fn is_compressed(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "gz" || ending == "br")
}

/// The files of a folder and of those in it; what begins with a dot is no part of the page.
fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if path.is_dir() {
            gather(&path, files)?;
        } else if !entry.file_name().to_string_lossy().starts_with('.') {
            files.push(path);
        }
    }
    Ok(())
}
