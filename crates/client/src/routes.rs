//! One method for each route, in the order of `docs/api.md`.

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use model::{
    api::{
        ApplyAnswer, ApplyRequest, CreateToken, CreatedToken, Page, Project, RunEvents, RunSummary, RunView,
        RunbookSummary, RunbookView, SessionView, StartRequest, TokenView, VersionSummary,
    },
    id::{RunId, TokenId},
    run::RunState,
};
use reqwest::Method;

use crate::{Client, Error, IdempotencyKey};

/// Which part of a list.
#[derive(Clone, Debug, Default)]
pub struct RunsQuery {
    pub runbook: Option<String>,
    /// Any of these; empty for all.
    pub states: Vec<RunState>,
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct RunbooksQuery {
    /// Retired ones too.
    pub retired: bool,
    pub limit: Option<u32>,
    pub after: Option<String>,
}

type Query = Vec<(&'static str, String)>;

fn paging(limit: Option<u32>, after: Option<&str>) -> Query {
    let limit = limit.map(|limit| ("limit", limit.to_string()));
    limit.into_iter().chain(after.map(|after| ("after", after.to_owned()))).collect()
}

impl Client {
    /// Who am I?
    pub async fn session(&self) -> Result<SessionView, Error> {
        self.get(&["api", "v1", "session"], &[]).await
    }

    pub async fn projects(&self, limit: Option<u32>, after: Option<&str>) -> Result<Page<Project>, Error> {
        self.get(&["api", "v1", "projects"], &paging(limit, after)).await
    }

    pub async fn apply(
        &self,
        project: &str,
        request: &ApplyRequest,
        key: &IdempotencyKey,
    ) -> Result<ApplyAnswer, Error> {
        self.post(&["api", "v1", "projects", project, "apply"], Some(request), key).await
    }

    pub async fn runbooks(
        &self,
        project: &str,
        query: &RunbooksQuery,
    ) -> Result<Page<RunbookSummary>, Error> {
        let mut pairs = paging(query.limit, query.after.as_deref());
        if query.retired {
            pairs.push(("retired", "true".to_owned()));
        }
        self.get(&["api", "v1", "projects", project, "runbooks"], &pairs).await
    }

    pub async fn runbook(&self, project: &str, runbook: &str) -> Result<RunbookView, Error> {
        self.get(&["api", "v1", "projects", project, "runbooks", runbook], &[]).await
    }

    /// Newest first.
    pub async fn versions(
        &self,
        project: &str,
        runbook: &str,
        limit: Option<u32>,
        after: Option<&str>,
    ) -> Result<Page<VersionSummary>, Error> {
        self.get(&["api", "v1", "projects", project, "runbooks", runbook, "versions"], &paging(limit, after))
            .await
    }

    pub async fn start_run(
        &self,
        project: &str,
        runbook: &str,
        request: &StartRequest,
        key: &IdempotencyKey,
    ) -> Result<RunView, Error> {
        self.post(&["api", "v1", "projects", project, "runbooks", runbook, "runs"], Some(request), key).await
    }

    /// Newest first.
    pub async fn runs(&self, project: &str, query: &RunsQuery) -> Result<Page<RunSummary>, Error> {
        let mut pairs = paging(query.limit, query.after.as_deref());
        pairs.extend(query.runbook.iter().map(|runbook| ("runbook", runbook.clone())));
        if !query.states.is_empty() {
            let names: Vec<&str> = query.states.iter().map(|state| state.name()).collect();
            pairs.push(("state", names.join(",")));
        }
        self.get(&["api", "v1", "projects", project, "runs"], &pairs).await
    }

    pub async fn run(&self, project: &str, run: RunId) -> Result<RunView, Error> {
        self.get(&["api", "v1", "projects", project, "runs", &run.to_string()], &[]).await
    }

    pub async fn cancel_run(
        &self,
        project: &str,
        run: RunId,
        key: &IdempotencyKey,
    ) -> Result<RunView, Error> {
        self.post::<(), _>(&["api", "v1", "projects", project, "runs", &run.to_string(), "cancel"], None, key)
            .await
    }

    pub async fn run_events(&self, project: &str, run: RunId) -> Result<RunEvents, Error> {
        self.get(&["api", "v1", "projects", project, "runs", &run.to_string(), "events"], &[]).await
    }

    /// What the steps wrote, byte for byte, as it comes.
    pub async fn log(
        &self,
        project: &str,
        run: RunId,
        step: Option<&str>,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + use<>, Error> {
        let query: Query = step.map(|step| ("step", step.to_owned())).into_iter().collect();
        let path = ["api", "v1", "projects", project, "runs", &run.to_string(), "log"];
        let response = self.send(self.request(Method::GET, &path, &query)?).await?;
        let client = self.clone();
        Ok(response.bytes_stream().map_err(move |e| client.lost(e)).boxed())
    }

    pub async fn tokens(&self, limit: Option<u32>, after: Option<&str>) -> Result<Page<TokenView>, Error> {
        self.get(&["api", "v1", "tokens"], &paging(limit, after)).await
    }

    /// The answer holds the secret, this once.
    pub async fn create_token(
        &self,
        request: &CreateToken,
        key: &IdempotencyKey,
    ) -> Result<CreatedToken, Error> {
        self.post(&["api", "v1", "tokens"], Some(request), key).await
    }

    pub async fn revoke_token(&self, token: TokenId) -> Result<(), Error> {
        self.delete(&["api", "v1", "tokens", &token.to_string()]).await
    }
}
