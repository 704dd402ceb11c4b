//! Following a run: the live stream of one run, joined again wherever the connection breaks.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream::BoxStream};
use model::{
    api::{OutputChunk, RunChange, RunView},
    id::RunId,
};
use reqwest::Method;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::{
    Client, Error,
    sse::{Event, Parser},
};

/// The pause before the second try; it doubles from try to try.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Something that happened to a followed run.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// An opaque cursor: give it as `after` to go on behind this event.
    pub id: String,
    pub event: LiveEvent,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveEvent {
    /// The run as it stands: first, and when more was missed than changes can tell.
    Run(Box<RunView>),
    /// What has changed since; [`apply`] takes it into the run.
    Change(Box<RunChange>),
    /// A piece of what a step wrote.
    Output(OutputChunk),
    /// The run has ended and all its output was sent. Nothing follows.
    End(Box<RunView>),
    /// The connection is lost, for this reason, and is being looked for. Nothing was missed: what follows goes on behind the
    /// last event. Its `id` is that event's.
    Lost(String),
}

impl Client {
    /// Follows a run to its end. A lost connection is taken up again behind the last event that came, with nothing lost and
    /// nothing doubled; the stream ends with an error only if the server says no, or stays lost for a minute
    /// ([`Error::Unreachable`]: of the run that says nothing).
    pub fn follow(
        &self,
        project: &str,
        run: RunId,
        after: Option<String>,
    ) -> impl Stream<Item = Result<Live, Error>> + Send + 'static + use<> {
        let follower = Follower {
            client: self.clone(),
            project: project.to_owned(),
            run,
            after,
            connection: None,
            ready: VecDeque::new(),
            pause: FIRST_PAUSE,
            lost_since: None,
            rest: false,
            over: false,
        };
        futures_util::stream::unfold(follower, |mut follower| async move {
            let item = follower.next().await?;
            Some((item, follower))
        })
        .boxed()
    }
}

/// Takes a change into the run that is known, so that it is as the server has it.
pub fn apply(view: &mut RunView, change: RunChange) {
    let RunChange { mut run, waits_for, places } = change;
    let changed = std::mem::take(&mut run.steps);
    run.steps = std::mem::take(&mut view.run.steps);
    for (place, step) in places.into_iter().zip(changed) {
        if step.outputs.is_empty() {
            view.outputs.remove(&step.path);
        } else {
            view.outputs.insert(step.path.clone(), step.outputs.clone());
        }
        match usize::try_from(place).ok().and_then(|place| run.steps.get_mut(place)) {
            Some(known) => *known = step,
            // New steps come in the order of their places.
            None => run.steps.push(step),
        }
    }
    view.run = run;
    view.waits_for = waits_for;
}

struct Follower {
    client: Client,
    project: String,
    run: RunId,
    /// The last cursor seen.
    after: Option<String>,
    connection: Option<Connection>,
    ready: VecDeque<Event>,
    pause: Duration,
    /// Since when nothing was heard of the server.
    lost_since: Option<Instant>,
    /// A pause is due before the next try.
    rest: bool,
    over: bool,
}

struct Connection {
    since: Instant,
    body: BoxStream<'static, Result<Bytes, Error>>,
    parser: Parser,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<Live, Error>> {
        while !self.over {
            if let Some(event) = self.ready.pop_front() {
                match self.read(event) {
                    Ok(None) => continue,
                    Ok(Some(live)) => {
                        self.over = matches!(live.event, LiveEvent::End(_));
                        return Some(Ok(live));
                    }
                    Err(error) => return self.stop(error),
                }
            }
            if std::mem::take(&mut self.rest) {
                tokio::time::sleep(self.pause).await;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
            if let Err(error) = self.receive().await
                && let Some(told) = self.lose(error)
            {
                return Some(told);
            }
        }
        None
    }

    /// The connection is gone: shall it be looked for, and is there something to say?
    fn lose(&mut self, error: Error) -> Option<Result<Live, Error>> {
        if self.connection.take().is_some_and(|connection| connection.since.elapsed() >= LONGEST_PAUSE) {
            // It was there until now, and perhaps only had nothing to say.
            self.heard();
        }
        self.rest = true;
        match self.lost_since {
            _ if !error.is_passing() => self.stop(error),
            Some(since) if since.elapsed() >= self.client.patience => self.stop(error),
            Some(_) => None,
            None => {
                self.lost_since = Some(Instant::now());
                let event = LiveEvent::Lost(error.to_string());
                Some(Ok(Live { id: self.after.clone().unwrap_or_default(), event }))
            }
        }
    }

    fn stop(&mut self, error: Error) -> Option<Result<Live, Error>> {
        self.over = true;
        Some(Err(match error {
            // Whoever waits a minute for a store that does not answer has lost the server.
            Error::Problem(problem) if problem.status >= 500 => {
                Error::unreachable(self.client.url(), problem.detail)
            }
            error => error,
        }))
    }

    /// Reads the next piece of the stream, connecting first if need be.
    async fn receive(&mut self) -> Result<(), Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                let opened = connect(&self.client, &self.project, self.run, self.after.as_deref()).await?;
                self.connection.insert(opened)
            }
        };
        let bytes = match connection.body.next().await {
            Some(bytes) => bytes?,
            None => {
                return Err(Error::unreachable(self.client.url(), "the connection was closed"));
            }
        };
        let ready = &mut self.ready;
        let fed = connection.parser.feed(&bytes, |event| ready.push_back(event));
        fed.map_err(|e| Error::unexpected(self.client.url(), e.to_string()))?;
        self.heard();
        Ok(())
    }

    fn heard(&mut self) {
        self.lost_since = None;
        self.pause = FIRST_PAUSE;
    }

    fn read(&mut self, event: Event) -> Result<Option<Live>, Error> {
        let read = match event.name.as_str() {
            "run" => Some(LiveEvent::Run(self.data(&event)?)),
            "change" => Some(LiveEvent::Change(self.data(&event)?)),
            "output" => Some(LiveEvent::Output(self.data(&event)?)),
            "end" => Some(LiveEvent::End(self.data(&event)?)),
            // What later servers may send.
            _ => None,
        };
        if !event.id.is_empty() {
            self.after = Some(event.id.clone());
        }
        Ok(read.map(|read| Live { id: event.id, event: read }))
    }

    fn data<T: DeserializeOwned>(&self, event: &Event) -> Result<T, Error> {
        serde_json::from_str(&event.data).map_err(|e| {
            Error::unexpected(
                self.client.url(),
                format!("an event `{}` that cannot be read: {e}", event.name),
            )
        })
    }
}

async fn connect(
    client: &Client,
    project: &str,
    run: RunId,
    after: Option<&str>,
) -> Result<Connection, Error> {
    let run = run.to_string();
    let path = ["api", "v1", "projects", project, "runs", &run, "live"];
    let mut request = client.request(Method::GET, &path, &[])?.header("accept", "text/event-stream");
    if let Some(after) = after {
        request = request.header("last-event-id", after);
    }
    let response = client.send(request).await?;
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
    if !kind.starts_with("text/event-stream") {
        return Err(Error::unexpected(client.url(), format!("events were asked for, and `{kind}` came")));
    }
    let lost = client.clone();
    let body = response.bytes_stream().map_err(move |e| lost.lost(e)).boxed();
    Ok(Connection { since: Instant::now(), body, parser: Parser::new() })
}
