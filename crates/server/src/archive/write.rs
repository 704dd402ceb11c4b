//! An archive, written as it is sent.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{BLOCK, COMPLETE, DATABASE, OUTPUT, README, README_TEXT};

/// Zstandard's own default is 3; most of what is packed here is packed already.
const LEVEL: i32 = 1;

/// What goes into a backup.
pub(crate) struct Backup {
    /// A copy of the store, of one moment. Removed afterwards.
    pub(crate) database: PathBuf,
    /// The folder with what steps wrote. It may grow meanwhile.
    pub(crate) output: PathBuf,
}

impl Drop for Backup {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.database);
    }
}

/// Write the whole archive.
///
/// # Errors
/// What cannot be read, or written: the archive is not whole then, and says so by lacking its last entry.
pub(crate) fn write(backup: &Backup, into: impl Write) -> io::Result<()> {
    let mut archive = Archive { out: zstd::Encoder::new(into, LEVEL)?, entries: 0 };
    archive.text(README, README_TEXT)?;
    archive.file(DATABASE, &backup.database)?;
    for run in sorted(&backup.output)? {
        let files = sorted(&backup.output.join(&run))?;
        // What is shown of a block (`.tail`) goes before the index, and the index before the blocks that it names: what moves
        // from one to the other meanwhile is in one of them for certain, and a reader knows what it has twice.
        for kind in ["tail", "idx", "seg"] {
            for file in files.iter().filter(|file| file.rsplit('.').next() == Some(kind)) {
                let path = backup.output.join(&run).join(file);
                archive.file(&format!("{OUTPUT}/{run}/{file}"), &path)?;
            }
        }
    }
    let entries = archive.entries;
    archive.text(COMPLETE, &format!("{entries}\n"))?;
    archive.out.write_all(&[0; BLOCK * 2])?;
    archive.out.finish()?.flush()
}

/// The names in a folder; none if it is not there.
fn sorted(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        // No other names are made there.
        names.extend(entry?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

struct Archive<W: Write> {
    out: zstd::Encoder<'static, W>,
    entries: u64,
}

impl<W: Write> Archive<W> {
    fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.entry(name, text.len() as u64, text.as_bytes())
    }

    /// A file as long as it is now: what is appended meanwhile is not in it. One that has gone is passed over.
    fn file(&mut self, name: &str, path: &Path) -> io::Result<()> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && name != DATABASE => return Ok(()),
            Err(error) => return Err(error),
        };
        let size = file.metadata()?.len();
        if name.ends_with(".tail") {
            // It is emptied when its block is full, perhaps now.
            let mut bytes = Vec::new();
            file.take(size).read_to_end(&mut bytes)?;
            return self.entry(name, bytes.len() as u64, bytes.as_slice());
        }
        self.entry(name, size, file)
    }

    fn entry(&mut self, name: &str, size: u64, content: impl Read) -> io::Result<()> {
        self.out.write_all(&header(name, size)?)?;
        let copied = io::copy(&mut content.take(size), &mut self.out)?;
        if copied != size {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name} became shorter")));
        }
        let rest = usize::try_from(size % BLOCK as u64).unwrap_or(0);
        if rest > 0 {
            self.out.write_all(&[0; BLOCK][rest..])?;
        }
        self.entries += 1;
        Ok(())
    }
}

/// The header of a plain file, as POSIX has it.
pub(super) fn header(name: &str, size: u64) -> io::Result<[u8; BLOCK]> {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    if name.len() > 100 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("the name {name} is too long")));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    put(0, name.as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if size < 1 << 33 {
        put(124, format!("{size:011o}\0").as_bytes());
    } else {
        // Larger than eleven octal digits say: the number itself, as GNU's and others' tar read it.
        put(124, &[0x80, 0, 0, 0]);
        put(128, &size.to_be_bytes());
    }
    put(136, format!("{now:011o}\0").as_bytes());
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}
