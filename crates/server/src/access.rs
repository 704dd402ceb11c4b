//! Who asks, and may they? The only way from a handler to the store and the engine.
//!
//! **Invariant (law 1):** the fields of [`App`] are private to this module, and [`Allowed`] is the only thing that hands
//! them out. A handler without `Allowed<SomeAction>` as its first argument reaches nothing; [`guarded`] does not take it.

use std::{
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{FromRef, FromRequestParts, RawPathParams, rejection::RawPathParamsRejection},
    handler::Handler,
    http::{HeaderMap, Method, header, request::Parts},
};
use axum_extra::extract::CookieJar;
use model::run::Requester;
use policy::{Action, Authorized, Principal, Resource, RunStart, ServiceRead};
use store::{Identity, Store, StoreError};
use tokio::sync::watch;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::{clock, engine::Engine, fetch::AllowedHost, metrics::Metrics, problem::ApiError, token};

/// The cookie that holds a session's secret.
pub(crate) const SESSION_COOKIE: &str = "signalbox_session";

/// What the server is made of.
#[derive(Clone)]
pub(crate) struct App(Arc<Core>);

/// What the server knows of where it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// Everything that is kept.
    pub(crate) data_dir: PathBuf,
    /// What this machine can do for the steps, in words.
    pub(crate) capabilities: Vec<String>,
    /// From where choices may be fetched.
    pub(crate) choices_hosts: Vec<AllowedHost>,
}

struct Core {
    store: Store,
    engine: Engine,
    surroundings: Surroundings,
    /// Told whenever a token or a session has been ended: whoever holds a stream open looks whether it was theirs.
    endings: watch::Sender<()>,
}

impl App {
    pub(crate) fn new(store: Store, engine: Engine, surroundings: Surroundings) -> Self {
        Self(Arc::new(Core { store, engine, surroundings, endings: watch::Sender::new(()) }))
    }

    /// Does the store answer? Everybody may know.
    pub(crate) async fn ready(&self) -> Result<(), StoreError> {
        self.0.store.ping().await
    }

    /// What the server counts of its own work.
    pub(crate) fn metrics(&self) -> Arc<Metrics> {
        self.0.engine.metrics()
    }

    /// Whose token is it?
    pub(crate) async fn identity_of_token(&self, secret: &str) -> Result<Option<Identity>, StoreError> {
        self.0.store.identity_of_token(&token::hash(secret)).await
    }

    async fn identity_of(&self, credential: &Credential) -> Result<Option<Identity>, StoreError> {
        match credential {
            Credential::Token(hash) => self.0.store.identity_of_token(hash).await,
            Credential::Session(hash) => self.0.store.identity_of_session(hash, clock::now()).await,
        }
    }

    /// Begin a session for whoever has just shown a token.
    pub(crate) async fn begin_session(
        &self,
        secret: &str,
        identity: &Identity,
        expires_at: jiff::Timestamp,
    ) -> Result<(), StoreError> {
        self.0.store.create_session(&token::hash(secret), identity, clock::now(), expires_at).await
    }
}

/// How somebody showed who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// The hash of the token.
    Token(String),
    /// The hash of the session's secret.
    Session(String),
}

impl Credential {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Session(_) => "session",
        }
    }
}

/// Proof that whoever asks may do `A` on what the path names; the way to store and engine.
pub(crate) struct Allowed<A: Action> {
    authorized: Authorized<A>,
    pub(crate) credential: Credential,
    pub(crate) expires_at: Option<jiff::Timestamp>,
    app: App,
    /// Since before the credential was looked at.
    endings: watch::Receiver<()>,
}

impl<A: Action> Allowed<A> {
    pub(crate) fn principal(&self) -> &Principal {
        self.authorized.principal()
    }

    /// May whoever asks do `B` too, on something that the path does not name: a runbook that is called?
    pub(crate) fn also<B: Action>(&self, resource: &Resource) -> Result<Authorized<B>, ApiError> {
        policy::decide::<B>(self.principal(), resource).map_err(|denial| ApiError::denied(&denial))
    }

    /// What is performed as a part of a run, or for it, must be allowed to whoever asks as if it were started alone.
    pub(crate) fn may_start(&self, project: &str, runbook: &str) -> Result<(), ApiError> {
        let resource = Resource {
            project: Some(project.to_owned()),
            runbook: Some(runbook.to_owned()),
            ..Resource::default()
        };
        self.also::<RunStart>(&resource).map(drop)
    }

    /// What is shown of a service beside something else must be allowed to whoever asks as if it were read alone.
    pub(crate) fn may_read_service(&self, project: &str, service: &str) -> Result<(), ApiError> {
        let resource = Resource {
            project: Some(project.to_owned()),
            service: Some(service.to_owned()),
            ..Resource::default()
        };
        self.also::<ServiceRead>(&resource).map(drop)
    }

    /// Whoever asks, as events name them.
    pub(crate) fn requester(&self) -> Requester {
        let principal = self.principal();
        Requester { id: principal.id, name: principal.name.clone() }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.app.0.store
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.app.0.engine
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.app.0.surroundings.data_dir
    }

    pub(crate) fn capabilities(&self) -> &[String] {
        &self.app.0.surroundings.capabilities
    }

    pub(crate) fn choices_hosts(&self) -> &[AllowedHost] {
        &self.app.0.surroundings.choices_hosts
    }

    /// A token or a session has been ended: streams that were opened with it end now.
    pub(crate) fn tell_ending(&self) {
        self.app.0.endings.send_replace(());
    }

    /// Done when the credential that asked is no longer in force. For answers that have no end of their own.
    pub(crate) fn no_longer(&self) -> impl Future<Output = ()> + Send + use<A> {
        let (app, credential, mut endings) =
            (self.app.clone(), self.credential.clone(), self.endings.clone());
        let left =
            self.expires_at.map(|at| Duration::try_from(at.duration_since(clock::now())).unwrap_or_default());
        async move {
            let expired = async {
                match left {
                    Some(left) => tokio::time::sleep(left).await,
                    None => std::future::pending().await,
                }
            };
            let ended = async {
                while endings.changed().await.is_ok() {
                    match app.identity_of(&credential).await {
                        Ok(Some(_)) => {}
                        Ok(None) => return,
                        Err(error) => {
                            // Who cannot be known is not let in: whoever has the right asks again.
                            tracing::warn!(%error, "a stream ends: whether its credential is in force cannot be known");
                            return;
                        }
                    }
                }
            };
            tokio::select! {
                () = expired => {}
                () = ended => {}
            }
        }
    }
}

impl<A: Action, S> FromRequestParts<S> for Allowed<A>
where
    S: Send + Sync,
    App: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = App::from_ref(state);
        let endings = app.0.endings.subscribe();
        let (identity, credential) = identify(&app, parts).await?;
        let resource = resource(parts, state).await?;
        let principal = Principal { id: identity.principal, name: identity.name, role: identity.role };
        let authorized =
            policy::decide::<A>(&principal, &resource).map_err(|denial| ApiError::denied(&denial))?;
        Ok(Self { authorized, credential, expires_at: identity.expires_at, app, endings })
    }
}

/// Who asks: by token, else by session. A writing request with a session must come from this server's own pages.
async fn identify(app: &App, parts: &Parts) -> Result<(Identity, Credential), ApiError> {
    if let Some(authorization) = parts.headers.get(header::AUTHORIZATION) {
        let secret = authorization.to_str().ok().and_then(bearer).ok_or_else(ApiError::not_signed_in)?;
        return known(app, Credential::Token(token::hash(secret))).await;
    }
    let cookies = CookieJar::from_headers(&parts.headers);
    let Some(secret) = cookies.get(SESSION_COOKIE) else { return Err(ApiError::not_signed_in()) };
    if !matches!(parts.method, Method::GET | Method::HEAD) && !same_origin(&parts.headers) {
        let detail = "A signed-in browser may change something only from this server's own pages.";
        return Err(ApiError::new(http::StatusCode::FORBIDDEN, "foreign-origin", "Foreign origin", detail)
            .hint("Programs use a token: `Authorization: Bearer TOKEN`."));
    }
    known(app, Credential::Session(token::hash(secret.value()))).await
}

async fn known(app: &App, credential: Credential) -> Result<(Identity, Credential), ApiError> {
    let identity = app.identity_of(&credential).await?;
    identity.map(|identity| (identity, credential)).ok_or_else(ApiError::not_signed_in)
}

/// The secret of `Bearer SECRET`; the scheme's case says nothing (RFC 9110, 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// Is the `Origin` that browsers send with every writing request this server's own?
pub(crate) fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else { return false };
    origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

/// What the path names. The names are the same on every route: `{project}`, `{runbook}`, `{run}`, `{step}`, `{token}`, `{secret}`.
async fn resource<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Resource, ApiError> {
    let mut resource = Resource::default();
    let params = match RawPathParams::from_request_parts(parts, state).await {
        Ok(params) => params,
        // A route without parameters has none to read.
        Err(RawPathParamsRejection::MissingPathParams(_)) => return Ok(resource),
        // What cannot be read cannot be decided on.
        Err(unreadable) => return Err(ApiError::bad_request(format!("{}.", unreadable.body_text()))),
    };
    for (name, value) in &params {
        let value = Some(value.to_owned());
        match name {
            "project" => resource.project = value,
            "runbook" => resource.runbook = value,
            "inventory" => resource.inventory = value,
            "service" => resource.service = value,
            "team" => resource.team = value,
            "schedule" => resource.schedule = value,
            "digest" => resource.version = value,
            "preset" => resource.preset = value,
            "input" => resource.input = value,
            "sha256" => resource.upload = value,
            "run" => resource.run = value,
            "step" => resource.step = value,
            "token" => resource.token = value,
            "secret" => resource.secret = value,
            other => return Err(ApiError::internal(format!("no resource is known for `{other}` in a path"))),
        }
    }
    Ok(resource)
}

/// The arguments of a handler that declares its action: `Allowed<A>` comes first.
pub(crate) trait Declares {
    const ACTION: &'static str;
}

macro_rules! declares {
    ($($argument:ident)*) => {
        impl<Marker, A: Action, $($argument),*> Declares for (Marker, Allowed<A>, $($argument,)*) {
            const ACTION: &'static str = A::NAME;
        }
    };
}

declares!();
declares!(T1);
declares!(T1 T2);
declares!(T1 T2 T3);
declares!(T1 T2 T3 T4);

/// The action that a handler declares in its signature. Does not compile for a handler that declares none.
pub(crate) struct Declared(pub(crate) &'static str, PhantomData<()>);

pub(crate) fn declared<H, T>(_handler: H) -> Declared
where
    H: Handler<T, App>,
    T: Declares,
{
    Declared(T::ACTION, PhantomData)
}

/// Add a route that needs a decision; its action stands in the API document as `x-action`.
pub(crate) fn add_guarded(
    router: OpenApiRouter<App>,
    (schemas, mut paths, methods): UtoipaMethodRouter<App>,
    declared: &Declared,
) -> OpenApiRouter<App> {
    for item in paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.delete, &mut item.put, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            let extensions = operation.extensions.get_or_insert_default();
            extensions.insert("x-action".to_owned(), serde_json::Value::from(declared.0));
        }
    }
    router.routes((schemas, paths, methods))
}

/// `guarded!(router, handler)`: the route of a `#[utoipa::path]` handler whose first argument is `Allowed<Action>`.
macro_rules! guarded {
    ($router:expr, $handler:path) => {
        $crate::access::add_guarded(
            $router,
            utoipa_axum::routes!($handler),
            &$crate::access::declared($handler),
        )
    };
}

pub(crate) use guarded;
