//! Services, which the business recognises, and teams, which own and operate them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A definition of the people who own or operate services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Team {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Names of users, in the order in which they are written, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// Where people reach it: a channel, an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// A definition of something that people rely on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The name of the team that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The name of the team that operates it; the owner unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// 1 to 4; 1 is the most critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<u8>,
    pub lifecycle: Lifecycle,
    /// In the order in which they are written, each once; never empty.
    pub environments: Vec<String>,
    /// Names of services that it needs, never itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Names of runbooks that belong to it, beside those that say so themselves by `service`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runbooks: Vec<String>,
}

impl Service {
    /// The team that operates it.
    pub fn operator(&self) -> Option<&str> {
        self.operator.as_deref().or(self.owner.as_deref())
    }

    pub fn is_in(&self, environment: &str) -> bool {
        self.environments.iter().any(|known| known == environment)
    }
}

/// How far a service has come. The words are Backstage's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    Experimental,
    #[default]
    Production,
    Deprecated,
}

impl Lifecycle {
    pub const ALL: [Self; 3] = [Self::Experimental, Self::Production, Self::Deprecated];

    pub fn name(self) -> &'static str {
        match self {
            Self::Experimental => "experimental",
            Self::Production => "production",
            Self::Deprecated => "deprecated",
        }
    }
}

/// A page elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    pub title: String,
    /// `http` or `https`.
    pub url: String,
}
