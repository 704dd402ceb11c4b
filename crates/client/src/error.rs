//! The three ways in which a call does not answer with what was asked for.

use model::api::Problem;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with a problem document.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// Nobody answered, or the connection broke.
    #[error("the server at {url} cannot be reached")]
    Unreachable { url: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// Somebody answered, with something that this client does not read.
    #[error("unexpected answer from {url}: {what}")]
    Unexpected { url: String, what: String },
}

impl Error {
    pub(crate) fn unexpected(url: impl ToString, what: impl Into<String>) -> Self {
        Self::Unexpected { url: url.to_string(), what: what.into() }
    }

    pub(crate) fn unreachable(
        url: impl ToString,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unreachable { url: url.to_string(), source: source.into() }
    }

    /// The problem document, if that is what the server answered with.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// Did nobody listen at all, so that nothing can have been done?
    pub fn is_unheard(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => {
                source.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
            }
            _ => false,
        }
    }

    /// May the same question have another answer a moment later?
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(problem) => matches!(problem.status, 429 | 502 | 503 | 504),
            Self::Unexpected { .. } => false,
        }
    }
}
