//! A question's context as Cedar's values: made of typed values, never of JSON.

use cedar_policy::RestrictedExpression as Value;

use crate::{
    Auth, Budget, Chain, Context, EntityName, Kind, Start,
    entities::{inputs, said, uid},
    schema::known,
};

pub(crate) fn cedar(context: &Context) -> Result<cedar_policy::Context, String> {
    let pairs = match context {
        Context::Base { auth } => vec![("auth", auth_value(auth)?)],
        Context::Reviewed { auth, reviews } => {
            vec![("auth", auth_value(auth)?), ("reviews", Value::new_long(*reviews))]
        }
        Context::Grant { auth, granted, delegable, to_self } => vec![
            ("auth", auth_value(auth)?),
            ("granted", actions(granted.iter())),
            ("delegable", Value::new_bool(*delegable)),
            ("toSelf", Value::new_bool(*to_self)),
        ],
        Context::Chain(chain) => chain_pairs(chain)?,
        Context::Start(start) => start_pairs(start)?,
        Context::Runner { epoch, secret } => {
            let mut pairs = vec![("epoch", Value::new_long(*epoch))];
            pairs.extend(secret.as_ref().map(|secret| ("secret", Value::new_entity_uid(uid(secret)))));
            pairs
        }
    };
    let pairs = pairs.into_iter().map(|(key, value)| (key.to_owned(), value));
    cedar_policy::Context::from_pairs(pairs).map_err(|fault| said(&fault))
}

fn record(pairs: Vec<(&'static str, Value)>) -> Result<Value, String> {
    Value::new_record(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)))
        .map_err(|fault| said(&fault))
}

fn text(value: &str) -> Value {
    Value::new_string(value.to_owned())
}

fn actions<'a>(names: impl Iterator<Item = &'a String>) -> Value {
    Value::new_set(names.map(|name| Value::new_entity_uid(known().action(name))))
}

fn auth_value(auth: &Auth) -> Result<Value, String> {
    let Auth { method, mfa_age_s, scopes, projects, runbooks } = auth;
    let entities = |kind: Kind, ids: &std::collections::BTreeSet<String>| {
        Value::new_set(ids.iter().map(|id| Value::new_entity_uid(uid(&EntityName::new(kind, id)))))
    };
    let mut pairs = vec![("method", text(method.name())), ("mfaAge", Value::new_long(*mfa_age_s))];
    pairs.extend(scopes.as_ref().map(|scopes| ("scopes", actions(scopes.iter()))));
    pairs.extend(projects.as_ref().map(|ids| ("projects", entities(Kind::Project, ids))));
    pairs.extend(runbooks.as_ref().map(|ids| ("runbooks", entities(Kind::Runbook, ids))));
    record(pairs)
}

fn chain_pairs(chain: &Chain) -> Result<Vec<(&'static str, Value)>, String> {
    let Chain { auth, effect, initiator_disabled, depth } = chain;
    Ok(vec![
        ("auth", auth_value(auth)?),
        ("effect", text(effect.name())),
        ("initiatorDisabled", Value::new_bool(*initiator_disabled)),
        ("depth", Value::new_long(*depth)),
    ])
}

fn start_pairs(start: &Start) -> Result<Vec<(&'static str, Value)>, String> {
    let Start {
        auth,
        effect,
        initiator_disabled,
        depth,
        digest,
        change_class,
        approvals,
        owner_approvals,
        targets,
        environments,
        prod,
        freeze,
        maintenance,
        on_call,
        hour,
        weekday,
        budget: Budget { state, frozen, unknown, paging, low },
        incident,
        reason,
        // As tags of a pair of entities.
        texts: _,
        numbers: _,
    } = start;
    let budget = record(vec![
        ("state", text(state)),
        ("frozen", Value::new_bool(*frozen)),
        ("unknown", Value::new_bool(*unknown)),
        ("paging", Value::new_bool(*paging)),
        ("low", Value::new_bool(*low)),
    ])?;
    let mut pairs = vec![
        ("auth", auth_value(auth)?),
        ("effect", text(effect.name())),
        ("initiatorDisabled", Value::new_bool(*initiator_disabled)),
        ("depth", Value::new_long(*depth)),
        ("digest", text(digest)),
        ("changeClass", text(change_class.name())),
        ("approvals", Value::new_long(*approvals)),
        ("ownerApprovals", Value::new_long(*owner_approvals)),
        ("targets", Value::new_long(*targets)),
        ("environments", Value::new_set(environments.iter().map(|name| text(name)))),
        ("prod", Value::new_bool(*prod)),
        ("freeze", Value::new_bool(*freeze)),
        ("maintenance", Value::new_bool(*maintenance)),
        ("onCall", Value::new_bool(*on_call)),
        ("hour", Value::new_long(*hour)),
        ("weekday", Value::new_long(*weekday)),
        ("budget", budget),
        ("texts", Value::new_entity_uid(inputs("Texts")?)),
        ("numbers", Value::new_entity_uid(inputs("Numbers")?)),
    ];
    pairs.extend(incident.as_ref().map(|incident| ("incident", text(incident))));
    pairs.extend(reason.as_ref().map(|reason| ("reason", text(reason))));
    Ok(pairs)
}
