//! The person's own editor on a text.

use std::ffi::OsString;
use std::io::Write;
use std::process::Command;

/// The most that is read back.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// Opens `$VISUAL` or `$EDITOR` on a text and waits; gives the new text, `None` when it was left as
/// it was or the editor failed on purpose.
///
/// # Errors
/// Why there is no text, as a sentence.
pub fn edit(text: &str) -> Result<Option<String>, String> {
    let named = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let editor = named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| "vi".into());
    let mut file = tempfile::Builder::new()
        .prefix("monban-")
        .suffix(".md")
        .tempfile()
        .map_err(|error| format!("cannot make a file to edit: {error}"))?;
    file.write_all(text.as_bytes()).map_err(|error| format!("cannot write: {error}"))?;
    // As a shell word list, as git and others read it: `code --wait`. What interrupts the editor
    // must not end the shell.
    let mut line = OsString::from("trap : INT QUIT\n");
    line.push(&editor);
    line.push(OsString::from(" \"$@\""));
    let status = Command::new("sh").arg("-c").arg(line).arg("sh").arg(file.path()).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => return Ok(None),
        Err(error) => return Err(format!("cannot run {}: {error}", editor.display())),
    }
    // By its name: editors put a new file in its place.
    let read = crate::base::durable::read(file.path(), TEXT_BYTES_MAX)
        .map_err(|error| format!("cannot read what was written: {error}"))?;
    let read = String::from_utf8(read).map_err(|_| "what was written is not UTF-8".to_string())?;
    Ok(Some(read).filter(|read| read != text))
}
