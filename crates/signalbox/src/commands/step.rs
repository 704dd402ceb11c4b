//! `signalbox step`: what people say to a run that waits for them.

use std::{collections::BTreeMap, path::PathBuf};

use client::{Client, IdempotencyKey};
use model::{
    api::{AnswerRequest, DecisionRequest, Resolution, ResolveRequest, RunView},
    id::RunId,
    run::UploadedFile,
};
use serde_json::Value;

use crate::{
    args::{InputArg, input},
    context::Context,
    failure::{Exit, Failure},
    inputs::read_file,
    words,
};

/// Answer a manual step, decide at a gate, or say how a lost attempt ended.
///
/// A step is named by its address, as `runs show` and following print it, or by its name while only one step has it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The run's id.
    run: RunId,
    /// The step's address or name.
    step: String,
}

#[derive(Debug, clap::Args)]
struct Answered {
    #[command(flatten)]
    which: Which,
    /// A field of the step; once for each.
    #[arg(short, long = "field", value_name = "FIELD=VALUE", value_parser = input)]
    fields: Vec<InputArg>,
    /// What there is to say about it.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// A file that proves it.
    #[arg(long, value_name = "PATH")]
    evidence: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say that a manual step is done.
    #[command(
        after_help = "Example:\n  signalbox step done 0198c5d2-8a54-7e11-9c3b-5b1f0e6a7d42 look -f error_rate=0.2"
    )]
    Done(Answered),
    /// Say that a manual step failed.
    Fail(Answered),
    /// Say yes at a gate; never to one's own request.
    Approve {
        #[command(flatten)]
        which: Which,
        /// Why, for whoever reads it later.
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
    },
    /// Say no at a gate.
    Decline {
        #[command(flatten)]
        which: Which,
        /// Why, for whoever reads it later.
        #[arg(long, value_name = "TEXT")]
        comment: String,
    },
    /// Say how an attempt ended whose end nobody can learn.
    #[command(after_help = "Example:
  signalbox step resolve 0198c5d2-8a54-7e11-9c3b-5b1f0e6a7d42 migrate --as succeeded --reason 'the table is there'")]
    Resolve {
        #[command(flatten)]
        which: Which,
        /// How it ended, or that it is to be tried again.
        #[arg(long = "as", value_name = "END")]
        verdict: Verdict,
        /// How that is known.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Verdict {
    Succeeded,
    Failed,
    Retry,
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let key = IdempotencyKey::random()?;
    let project = context.project();
    let view = match args.command {
        Command::Done(answered) => answer(context, &client, answered, true, &key).await?,
        Command::Fail(answered) => answer(context, &client, answered, false, &key).await?,
        Command::Approve { which, comment } => {
            let request = DecisionRequest { approve: true, comment };
            client.decide_step(project, which.run, &which.step, &request, &key).await?
        }
        Command::Decline { which, comment } => {
            let request = DecisionRequest { approve: false, comment: Some(comment) };
            client.decide_step(project, which.run, &which.step, &request, &key).await?
        }
        Command::Resolve { which, verdict, reason } => {
            let verdict = match verdict {
                Verdict::Succeeded => Resolution::Succeeded,
                Verdict::Failed => Resolution::Failed,
                Verdict::Retry => Resolution::Retry,
            };
            let request = ResolveRequest { verdict, reason };
            client.resolve_step(project, which.run, &which.step, &request, &key).await?
        }
    };
    if context.printer.is_json() {
        context.printer.object(&view);
    } else {
        context.printer.out(&format!("{}\n", words::run(&view)));
    }
    Ok(Exit::Success)
}

async fn answer(
    context: &Context,
    client: &Client,
    answered: Answered,
    done: bool,
    key: &IdempotencyKey,
) -> Result<RunView, Failure> {
    let Answered { which, fields, comment, evidence } = answered;
    let mut named = BTreeMap::new();
    for InputArg { key, value } in fields {
        if named.insert(key.clone(), Value::String(value)).is_some() {
            return Err(Failure::usage(format!("the field {key} is given twice")));
        }
    }
    let evidence: Option<UploadedFile> = match evidence {
        Some(path) => {
            let (name, bytes) = read_file(&path)?;
            Some(client.upload(context.project(), &name, bytes.into()).await?)
        }
        None => None,
    };
    let request = AnswerRequest { done, fields: named, comment, evidence };
    Ok(client.answer_step(context.project(), which.run, &which.step, &request, key).await?)
}
