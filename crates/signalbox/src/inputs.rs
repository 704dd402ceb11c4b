//! The values for a run's inputs, from wherever somebody gives them: arguments, a preset, files, the keyboard.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, IsTerminal, Read},
    path::Path,
};

use client::Client;
use model::{
    api::{Fault, Problem},
    runbook::InputKind,
};
use serde_json::{Value, json};

use crate::{
    args::{InputArg, input, name},
    context::Context,
    failure::Failure,
};

/// Most bytes of an uploaded file.
const FILE_MAX: u64 = 8 * 1024 * 1024;
/// Most bytes of a secret.
const SECRET_MAX: u64 = 64 * 1024;

/// How inputs are given.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct InputArgs {
    /// A value for an input; once for each. It is taken as it stands: nothing in it is expanded.
    #[arg(short, long = "input", value_name = "NAME=VALUE", value_parser = input)]
    pub inputs: Vec<InputArg>,
    /// A file for an input of that type.
    #[arg(long = "file", value_name = "NAME=PATH", value_parser = input)]
    pub files: Vec<InputArg>,
    /// Ask for a secret input without echo; without a terminal a line of standard input is read for each.
    #[arg(long = "secret", value_name = "NAME")]
    pub secrets: Vec<String>,
    /// Read a secret input from a file, whole but for one line end.
    #[arg(long = "secret-file", value_name = "NAME=PATH", value_parser = input)]
    pub secret_files: Vec<InputArg>,
}

/// Inputs kept under a name, beside those given.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PresetArg {
    /// Begin with the inputs that were kept under this name; what is given besides goes before them.
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub preset: Option<String>,
}

pub type Inputs = BTreeMap<String, Value>;

fn give(inputs: &mut Inputs, name: &str, value: Value) -> Result<(), Failure> {
    if inputs.insert(name.to_owned(), value).is_some() {
        return Err(Failure::usage(format!("the input {name} is given twice")));
    }
    Ok(())
}

impl InputArgs {
    /// What is given without a server: values and secrets. Files are not in it.
    pub fn local(&self, context: &Context) -> Result<Inputs, Failure> {
        let mut inputs = Inputs::new();
        for InputArg { key, value } in &self.inputs {
            give(&mut inputs, key, Value::String(value.clone()))?;
        }
        for InputArg { key, value } in &self.secret_files {
            give(&mut inputs, key, Value::String(secret_file(Path::new(value))?))?;
        }
        for name in &self.secrets {
            give(&mut inputs, name, Value::String(ask_secret(context, name)?))?;
        }
        Ok(inputs)
    }

    /// All that is given, with the files uploaded and what the preset says of the others.
    pub async fn gather(
        &self,
        context: &Context,
        client: &Client,
        preset: Option<(&str, &PresetArg)>,
    ) -> Result<Inputs, Failure> {
        let mut inputs = self.local(context)?;
        for InputArg { key, value } in &self.files {
            if inputs.contains_key(key) {
                return Err(Failure::usage(format!("the input {key} is given twice")));
            }
            let (name, bytes) = read_file(Path::new(value))?;
            let uploaded = client.upload(context.project(), &name, bytes.into()).await?;
            inputs.insert(
                key.clone(),
                json!({"file": uploaded.sha256, "name": uploaded.name, "size": uploaded.size}),
            );
        }
        if let Some((runbook, PresetArg { preset: Some(preset) })) = preset {
            let kept = client.preset(context.project(), runbook, preset).await?;
            for (name, value) in kept.inputs {
                inputs.entry(name).or_insert(value);
            }
        }
        Ok(inputs)
    }
}

/// The secret inputs that a refusal says are missing, asked for at the terminal. None if something else is wrong too, or
/// there is nobody to ask.
pub async fn ask_missing_secrets(
    context: &Context,
    client: &Client,
    runbook: &str,
    problem: &Problem,
) -> Result<Option<Inputs>, Failure> {
    let missing: Vec<&Fault> = problem.faults.iter().filter(|fault| fault.code == "missing_input").collect();
    let asked = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !asked || problem.status != 422 || missing.is_empty() || missing.len() != problem.faults.len() {
        return Ok(None);
    }
    let view = client.runbook(context.project(), runbook).await?;
    let is_secret = |name: &str| {
        view.runbook.inputs.iter().any(|input| input.name == name && input.kind == InputKind::Secret)
    };
    if !missing.iter().all(|fault| is_secret(&fault.path)) {
        return Ok(None);
    }
    let mut secrets = Inputs::new();
    for fault in missing {
        secrets.insert(fault.path.clone(), Value::String(ask_secret(context, &fault.path)?));
    }
    Ok(Some(secrets))
}

/// A secret from the keyboard, without echo; else a line of standard input.
fn ask_secret(context: &Context, name: &str) -> Result<String, Failure> {
    let broken = |e: io::Error| Failure::usage(format!("no secret was read for the input {name}: {e}"));
    if io::stdin().is_terminal() {
        context.printer.err(&format!("{name} (not shown):"));
        return console::Term::stderr().read_secure_line().map_err(broken);
    }
    let mut line = String::new();
    let read = io::stdin().lock().take(SECRET_MAX).read_line(&mut line).map_err(broken)?;
    if read == 0 {
        return Err(Failure::usage(format!("there is no line on standard input for the secret {name}"))
            .hint(format!(
                "give it with --secret-file {name}=PATH, or one line of standard input for each --secret"
            )));
    }
    Ok(without_line_end(line))
}

fn secret_file(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(SECRET_MAX + 1).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 > SECRET_MAX => {
            Err(Failure::usage(format!("{} has more than {SECRET_MAX} bytes", path.display())))
        }
        Ok(_) => Ok(without_line_end(text)),
        Err(error) => Err(Failure::usage(format!("{} cannot be read: {error}", path.display()))),
    }
}

fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// The name of a file and its bytes.
pub fn read_file(path: &Path) -> Result<(String, Vec<u8>), Failure> {
    let unreadable = |e: io::Error| Failure::usage(format!("{} cannot be read: {e}", path.display()));
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Failure::usage(format!("{} names no file", path.display())))?;
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(Failure::usage(format!("{} has more than {FILE_MAX} bytes (8 MiB)", path.display())));
    }
    Ok((name.to_owned(), bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_not_part_of_a_secret() {
        for (text, secret) in
            [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("", ""), (" a ", " a ")]
        {
            assert_eq!(without_line_end(text.to_owned()), secret);
        }
    }
}
