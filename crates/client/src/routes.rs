//! One method for each route, in the order of `docs/api.md`.

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use model::{
    api::{
        AnswerRequest, Applied, ApplyAnswer, ApplyRequest, Choices, ChoicesRequest, CreateToken,
        CreatedToken, DecisionRequest, InventorySummary, InventoryView, Page, PlanView, PlatformStatus,
        Preset, Project, ResolveRequest, RetryRequest, RollbackRequest, RunEvents, RunSummary, RunView,
        RunbookSummary, RunbookView, SavePreset, SessionView, StartRequest, TokenView, VersionDiff,
        VersionSummary,
    },
    firing::{Firing, TimedKind},
    health::Health,
    id::{RunId, TokenId},
    name::Digest,
    run::{RunState, UploadedFile},
    secret::{RewrapRequest, Rewrapped, SecretSet, SecretView, SetSecret},
    view::{
        FactsDiff, FactsView, Happening, HealthHistory, PauseRequest, ScheduleSummary, ScheduleView,
        ServiceSummary, ServiceView, TeamView,
    },
};
use reqwest::Method;

use crate::{Client, Error, IdempotencyKey};

/// Which part of a list.
#[derive(Clone, Debug, Default)]
pub struct RunsQuery {
    pub runbook: Option<String>,
    /// Any of these; empty for all.
    pub states: Vec<RunState>,
    pub service: Option<String>,
    /// The name of whoever asked.
    pub requested_by: Option<String>,
    /// In the reason, the title or the runbook's name.
    pub text: Option<String>,
    /// Asked for at this moment or later; RFC 3339.
    pub from: Option<String>,
    /// Asked for before this moment.
    pub to: Option<String>,
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

#[derive(Clone, Debug, Default)]
pub struct ServicesQuery {
    /// In this state somewhere.
    pub health: Option<Health>,
    /// Owned or operated by this team.
    pub team: Option<String>,
    /// In the name or the title.
    pub text: Option<String>,
    pub limit: Option<u32>,
    pub after: Option<String>,
}

/// With what the facts of a service are compared.
#[derive(Clone, Debug)]
pub enum Against {
    /// The same environment at this moment; RFC 3339.
    Moment(String),
    /// Another environment now.
    Environment(String),
}

#[derive(Clone, Debug, Default)]
pub struct SchedulesQuery {
    pub kind: Option<TimedKind>,
    pub runbook: Option<String>,
}

type Query = Vec<(&'static str, String)>;

fn paging(limit: Option<u32>, after: Option<&str>) -> Query {
    let limit = limit.map(|limit| ("limit", limit.to_string()));
    limit.into_iter().chain(after.map(|after| ("after", after.to_owned()))).collect()
}

fn in_environment(environment: Option<&str>) -> Query {
    environment.map(|environment| ("environment", environment.to_owned())).into_iter().collect()
}

fn of_kind(kind: Option<TimedKind>) -> Query {
    kind.map(|kind| ("kind", kind.name().to_owned())).into_iter().collect()
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

    /// What a run would do; nothing is done.
    pub async fn plan(
        &self,
        project: &str,
        runbook: &str,
        request: &StartRequest,
    ) -> Result<PlanView, Error> {
        self.ask(&["api", "v1", "projects", project, "runbooks", runbook, "plan"], request).await
    }

    /// What can be chosen for an input, given the values of those before it.
    pub async fn choices(
        &self,
        project: &str,
        runbook: &str,
        input: &str,
        request: &ChoicesRequest,
    ) -> Result<Choices, Error> {
        self.ask(&["api", "v1", "projects", project, "runbooks", runbook, "choices", input], request).await
    }

    /// A version, current or not.
    pub async fn version(&self, project: &str, runbook: &str, digest: &Digest) -> Result<RunbookView, Error> {
        let path = ["api", "v1", "projects", project, "runbooks", runbook, "versions", digest.as_str()];
        self.get(&path, &[]).await
    }

    pub async fn diff(
        &self,
        project: &str,
        runbook: &str,
        from: &Digest,
        to: &Digest,
    ) -> Result<VersionDiff, Error> {
        let query = [("from", from.to_string()), ("to", to.to_string())];
        self.get(&["api", "v1", "projects", project, "runbooks", runbook, "diff"], &query).await
    }

    /// Publish an earlier version again.
    pub async fn rollback(&self, project: &str, runbook: &str, digest: &Digest) -> Result<Applied, Error> {
        let request = RollbackRequest { digest: digest.clone() };
        self.ask(&["api", "v1", "projects", project, "runbooks", runbook, "rollback"], &request).await
    }

    /// By name.
    pub async fn presets(&self, project: &str, runbook: &str) -> Result<Page<Preset>, Error> {
        self.get(&["api", "v1", "projects", project, "runbooks", runbook, "presets"], &[]).await
    }

    pub async fn preset(&self, project: &str, runbook: &str, preset: &str) -> Result<Preset, Error> {
        self.get(&["api", "v1", "projects", project, "runbooks", runbook, "presets", preset], &[]).await
    }

    pub async fn save_preset(
        &self,
        project: &str,
        runbook: &str,
        preset: &str,
        inputs: &SavePreset,
    ) -> Result<Preset, Error> {
        let path = ["api", "v1", "projects", project, "runbooks", runbook, "presets", preset];
        self.send_json(Method::PUT, &path, inputs).await
    }

    pub async fn delete_preset(&self, project: &str, runbook: &str, preset: &str) -> Result<(), Error> {
        self.delete(&["api", "v1", "projects", project, "runbooks", runbook, "presets", preset]).await
    }

    pub async fn inventories(
        &self,
        project: &str,
        limit: Option<u32>,
        after: Option<&str>,
    ) -> Result<Page<InventorySummary>, Error> {
        self.get(&["api", "v1", "projects", project, "inventories"], &paging(limit, after)).await
    }

    pub async fn inventory(&self, project: &str, inventory: &str) -> Result<InventoryView, Error> {
        self.get(&["api", "v1", "projects", project, "inventories", inventory], &[]).await
    }

    /// By name.
    pub async fn teams(&self, project: &str) -> Result<Page<TeamView>, Error> {
        self.get(&["api", "v1", "projects", project, "teams"], &[]).await
    }

    pub async fn team(&self, project: &str, team: &str) -> Result<TeamView, Error> {
        self.get(&["api", "v1", "projects", project, "teams", team], &[]).await
    }

    /// Worst first.
    pub async fn services(
        &self,
        project: &str,
        query: &ServicesQuery,
    ) -> Result<Page<ServiceSummary>, Error> {
        let mut pairs = paging(query.limit, query.after.as_deref());
        pairs.extend(query.health.map(|health| ("health", health.name().to_owned())));
        pairs.extend(query.team.iter().map(|team| ("team", team.clone())));
        pairs.extend(query.text.iter().map(|text| ("text", text.clone())));
        self.get(&["api", "v1", "projects", project, "services"], &pairs).await
    }

    pub async fn service(&self, project: &str, service: &str) -> Result<ServiceView, Error> {
        self.get(&["api", "v1", "projects", project, "services", service], &[]).await
    }

    pub async fn service_health(
        &self,
        project: &str,
        service: &str,
        environment: Option<&str>,
    ) -> Result<HealthHistory, Error> {
        let path = ["api", "v1", "projects", project, "services", service, "health"];
        self.get(&path, &in_environment(environment)).await
    }

    pub async fn facts(
        &self,
        project: &str,
        service: &str,
        environment: Option<&str>,
    ) -> Result<FactsView, Error> {
        let path = ["api", "v1", "projects", project, "services", service, "facts"];
        self.get(&path, &in_environment(environment)).await
    }

    pub async fn facts_diff(
        &self,
        project: &str,
        service: &str,
        environment: Option<&str>,
        against: &Against,
    ) -> Result<FactsDiff, Error> {
        let mut query = in_environment(environment);
        query.push(match against {
            Against::Moment(at) => ("at", at.clone()),
            Against::Environment(other) => ("against", other.clone()),
        });
        self.get(&["api", "v1", "projects", project, "services", service, "facts", "diff"], &query).await
    }

    /// Newest first; of the last day unless moments are given, in RFC 3339.
    pub async fn happenings(
        &self,
        project: &str,
        service: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Page<Happening>, Error> {
        let pairs = [("from", from), ("to", to)];
        let query: Query =
            pairs.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))).collect();
        self.get(&["api", "v1", "projects", project, "services", service, "happenings"], &query).await
    }

    /// By kind and name.
    pub async fn schedules(
        &self,
        project: &str,
        query: &SchedulesQuery,
    ) -> Result<Page<ScheduleSummary>, Error> {
        let mut pairs = of_kind(query.kind);
        pairs.extend(query.runbook.iter().map(|runbook| ("runbook", runbook.clone())));
        self.get(&["api", "v1", "projects", project, "schedules"], &pairs).await
    }

    pub async fn schedule(&self, project: &str, schedule: &str) -> Result<ScheduleView, Error> {
        self.get(&["api", "v1", "projects", project, "schedules", schedule], &[]).await
    }

    /// What became of its instants, newest first.
    pub async fn firings(
        &self,
        project: &str,
        schedule: &str,
        limit: Option<u32>,
        after: Option<&str>,
    ) -> Result<Page<Firing>, Error> {
        let path = ["api", "v1", "projects", project, "schedules", schedule, "firings"];
        self.get(&path, &paging(limit, after)).await
    }

    /// Of a probe or collector, name its kind and runbook.
    pub async fn pause_schedule(
        &self,
        project: &str,
        kind: TimedKind,
        schedule: &str,
        request: &PauseRequest,
    ) -> Result<ScheduleSummary, Error> {
        let path = ["api", "v1", "projects", project, "schedules", schedule, "pause"];
        let request = self.request(Method::POST, &path, &of_kind(Some(kind)))?.json(request);
        self.read(self.send(request).await?).await
    }

    pub async fn resume_schedule(
        &self,
        project: &str,
        kind: TimedKind,
        schedule: &str,
    ) -> Result<ScheduleSummary, Error> {
        let path = ["api", "v1", "projects", project, "schedules", schedule, "resume"];
        let request = self.request(Method::POST, &path, &of_kind(Some(kind)))?;
        self.read(self.send(request).await?).await
    }

    /// Give a file, for an input or as evidence.
    pub async fn upload(&self, project: &str, name: &str, bytes: Bytes) -> Result<UploadedFile, Error> {
        let query = [("name", name.to_owned())];
        let request = self.request(Method::POST, &["api", "v1", "projects", project, "uploads"], &query)?;
        let response =
            self.send(request.header("content-type", "application/octet-stream").body(bytes)).await?;
        self.read(response).await
    }

    /// The bytes of a file that somebody gave.
    pub async fn uploaded(&self, project: &str, sha256: &Digest) -> Result<Bytes, Error> {
        let path = ["api", "v1", "projects", project, "uploads", sha256.as_str()];
        let response = self.send(self.request(Method::GET, &path, &[])?).await?;
        response.bytes().await.map_err(|error| self.lost(error))
    }

    /// Newest first.
    pub async fn runs(&self, project: &str, query: &RunsQuery) -> Result<Page<RunSummary>, Error> {
        let mut pairs = paging(query.limit, query.after.as_deref());
        pairs.extend(query.runbook.iter().map(|runbook| ("runbook", runbook.clone())));
        if !query.states.is_empty() {
            let names: Vec<&str> = query.states.iter().map(|state| state.name()).collect();
            pairs.push(("state", names.join(",")));
        }
        let filters = [
            ("service", &query.service),
            ("requested_by", &query.requested_by),
            ("text", &query.text),
            ("from", &query.from),
            ("to", &query.to),
        ];
        pairs.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
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

    /// Try an ended run again: a new run.
    pub async fn retry_run(
        &self,
        project: &str,
        run: RunId,
        request: &RetryRequest,
        key: &IdempotencyKey,
    ) -> Result<RunView, Error> {
        let path = ["api", "v1", "projects", project, "runs", &run.to_string(), "retry"];
        self.post(&path, Some(request), key).await
    }

    /// Say what became of a manual step.
    pub async fn answer_step(
        &self,
        project: &str,
        run: RunId,
        step: &str,
        request: &AnswerRequest,
        key: &IdempotencyKey,
    ) -> Result<RunView, Error> {
        let path = ["api", "v1", "projects", project, "runs", &run.to_string(), "steps", step, "answer"];
        self.post(&path, Some(request), key).await
    }

    /// Say yes or no at a gate.
    pub async fn decide_step(
        &self,
        project: &str,
        run: RunId,
        step: &str,
        request: &DecisionRequest,
        key: &IdempotencyKey,
    ) -> Result<RunView, Error> {
        let path = ["api", "v1", "projects", project, "runs", &run.to_string(), "steps", step, "decision"];
        self.post(&path, Some(request), key).await
    }

    /// Say how an attempt ended whose end nobody can learn.
    pub async fn resolve_step(
        &self,
        project: &str,
        run: RunId,
        step: &str,
        request: &ResolveRequest,
        key: &IdempotencyKey,
    ) -> Result<RunView, Error> {
        let path = ["api", "v1", "projects", project, "runs", &run.to_string(), "steps", step, "resolve"];
        self.post(&path, Some(request), key).await
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

    pub async fn status(&self) -> Result<PlatformStatus, Error> {
        self.get(&["api", "v1", "status"], &[]).await
    }

    /// A backup of everything but the key file, as it comes: an archive whose last entry says that it is whole.
    pub async fn backup(&self) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + use<>, Error> {
        let response =
            self.send(self.request(Method::GET, &["api", "v1", "platform", "backup"], &[])?).await?;
        let client = self.clone();
        Ok(response.bytes_stream().map_err(move |e| client.lost(e)).boxed())
    }

    /// By name; their values stay where they are.
    pub async fn secrets(&self, project: &str, retired: bool) -> Result<Page<SecretView>, Error> {
        let query = if retired { vec![("retired", "true".to_owned())] } else { Vec::new() };
        self.get(&["api", "v1", "projects", project, "secrets"], &query).await
    }

    pub async fn secret(&self, project: &str, secret: &str) -> Result<SecretView, Error> {
        self.get(&["api", "v1", "projects", project, "secrets", secret], &[]).await
    }

    pub async fn set_secret(
        &self,
        project: &str,
        secret: &str,
        request: &SetSecret,
    ) -> Result<SecretSet, Error> {
        self.send_json(Method::PUT, &["api", "v1", "projects", project, "secrets", secret], request).await
    }

    /// It must be there.
    pub async fn rotate_secret(
        &self,
        project: &str,
        secret: &str,
        request: &SetSecret,
    ) -> Result<SecretSet, Error> {
        self.ask(&["api", "v1", "projects", project, "secrets", secret, "rotate"], request).await
    }

    pub async fn delete_secret(&self, project: &str, secret: &str) -> Result<(), Error> {
        self.delete(&["api", "v1", "projects", project, "secrets", secret]).await
    }

    /// Seal everything under the newest key.
    pub async fn rewrap_secrets(&self, request: &RewrapRequest) -> Result<Rewrapped, Error> {
        self.ask(&["api", "v1", "secrets", "rewrap"], request).await
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
