//! `kind: Team` and `kind: Service`.

use std::collections::HashSet;

use model::{
    inventory::PRODUCTION,
    service::{Lifecycle, Link, Service, Team},
};

use crate::{
    fault::{Code, Faults, quoted},
    fields::{self, Fields, Keys},
    input::read_name,
    limits::{ENTRIES_MAX, TIER_MAX},
    places::Places,
    quantity,
    runbook::read_label,
    tree::Node,
};

pub(crate) const TEAM_KEYS: Keys = Keys {
    of: "a team",
    known: &["kind", "name", "title", "description", "members", "contact", "links"],
    later: &[],
};

pub(crate) const KEYS: Keys = Keys {
    of: "a service",
    known: &[
        "kind",
        "name",
        "title",
        "description",
        "owner",
        "operator",
        "tier",
        "lifecycle",
        "environments",
        "depends_on",
        "links",
        "runbooks",
    ],
    later: &[],
};

/// `GET …/services/live` follows all services.
const LIVE: &str = "live";

pub(crate) const LINK_KEYS: Keys = Keys { of: "a link", known: &["title", "url"], later: &[] };

pub(crate) fn read_team(root: &Node, faults: &mut Faults<'_>) -> Option<Team> {
    let fields = Fields::open(root, &TEAM_KEYS, "A team", faults)?;
    let name = fields
        .require("name", "Add a name, like `name: web`.", faults)
        .and_then(|node| read_name(node, "The name of a team", faults));
    Some(Team {
        name: name.unwrap_or_default(),
        title: fields.text("title", faults).map(str::to_owned),
        description: fields.text("description", faults).map(str::to_owned),
        members: fields
            .get("members")
            .map(|node| each(node, "`members`", "A member", faults, read_label))
            .unwrap_or_default()
            .into_iter()
            .map(|(name, _)| name)
            .collect(),
        contact: fields.get("contact").and_then(|node| read_label(node, "`contact`", faults)),
        links: fields.get("links").map(|node| read_links(node, faults)).unwrap_or_default(),
    })
}

pub(crate) fn read_service(root: &Node, faults: &mut Faults<'_>) -> Option<(Service, Places)> {
    let fields = Fields::open(root, &KEYS, "A service", faults)?;
    let mut places = Places::default();
    let name = fields.require("name", "Add a name, like `name: shop`.", faults).and_then(|node| {
        let name = read_name(node, "The name of a service", faults)?;
        if name == LIVE {
            let message = format!(
                "No service can be called `{LIVE}`: at its address in the API all services are followed."
            );
            faults
                .error(Code::BadName, node.span, message)
                .hint("Choose another name, and say the rest in its `title`.");
            return None;
        }
        Some(name)
    });
    let mut team = |key: &str, faults: &mut Faults<'_>| {
        let node = fields.get(key)?;
        places.put(key, node.span);
        read_name(node, &format!("`{key}`, the name of a team,"), faults)
    };
    let (owner, operator) = (team("owner", faults), team("operator", faults));
    let mut names = |key: &str, what: &str, faults: &mut Faults<'_>| {
        let Some(node) = fields.get(key) else { return Vec::new() };
        let named = each(node, &format!("`{key}`"), what, faults, read_name);
        let mut names = Vec::with_capacity(named.len());
        for (name, item) in named {
            places.put(format!("{key}/{name}"), item.span);
            names.push(name);
        }
        names
    };
    let depends_on = names("depends_on", "The name of a service", faults);
    let runbooks = names("runbooks", "The name of a runbook", faults);
    let environments = match fields.get("environments") {
        None => vec![PRODUCTION.to_owned()],
        Some(node) => {
            let read = each(node, "`environments`", "An environment", faults, read_label);
            if matches!(&node.content, crate::tree::Content::Sequence(items) if items.is_empty()) {
                faults
                    .error(Code::Empty, node.span, "`environments` must name at least one, but it is empty.")
                    .hint("Leave the key out for `[production]`.");
            }
            read.into_iter().map(|(name, _)| name).collect()
        }
    };
    let tier = fields
        .get("tier")
        .and_then(|node| quantity::count(node, "`tier`", 1..=TIER_MAX, faults))
        .and_then(|tier| u8::try_from(tier).ok());
    let lifecycle = fields
        .get("lifecycle")
        .and_then(|node| fields::one_of(node, "`lifecycle`", &Lifecycle::ALL.map(Lifecycle::name), faults))
        .and_then(|name| Lifecycle::ALL.into_iter().find(|lifecycle| lifecycle.name() == name));
    let service = Service {
        name: name.unwrap_or_default(),
        title: fields.text("title", faults).map(str::to_owned),
        description: fields.text("description", faults).map(str::to_owned),
        owner,
        operator,
        tier,
        lifecycle: lifecycle.unwrap_or_default(),
        environments,
        depends_on,
        links: fields.get("links").map(|node| read_links(node, faults)).unwrap_or_default(),
        runbooks,
    };
    Some((service, places))
}

/// A list of words, each once, with their places.
pub(crate) fn each<'t>(
    node: &'t Node,
    what: &str,
    of_one: &str,
    faults: &mut Faults<'_>,
    read: impl Fn(&Node, &str, &mut Faults<'_>) -> Option<String>,
) -> Vec<(String, &'t Node)> {
    let items = fields::sequence(node, what, faults).unwrap_or_default();
    if items.len() > ENTRIES_MAX {
        let message = format!("{what} has {} entries, but at most {ENTRIES_MAX} are read.", items.len());
        faults.error(Code::TooMany, node.span, message);
        return Vec::new();
    }
    let mut seen = HashSet::new();
    let mut words = Vec::with_capacity(items.len());
    for item in items {
        let Some(word) = read(item, of_one, faults) else { continue };
        if !seen.insert(word.clone()) {
            let message = format!("{} is here twice.", quoted(&word));
            faults.error(Code::DuplicateItem, item.span, message).hint("Keep one of the two.");
            continue;
        }
        words.push((word, item));
    }
    words
}

fn read_links(node: &Node, faults: &mut Faults<'_>) -> Vec<Link> {
    let items = fields::sequence(node, "`links`", faults).unwrap_or_default();
    if items.len() > ENTRIES_MAX {
        let message = format!("`links` has {} entries, but at most {ENTRIES_MAX} are read.", items.len());
        faults.error(Code::TooMany, node.span, message);
        return Vec::new();
    }
    let mut links = Vec::with_capacity(items.len());
    for item in items {
        let Some(fields) = Fields::open(item, &LINK_KEYS, "A link", faults) else { continue };
        let title = fields
            .require("title", "Say what is there: `title: Dashboard`.", faults)
            .and_then(|node| read_label(node, "`title`", faults));
        let url = fields
            .require("url", "Say where it is: `url: https://…`.", faults)
            .and_then(|node| read_url(node, faults));
        links.extend(title.zip(url).map(|(title, url)| Link { title, url }));
    }
    links
}

/// A whole URL of a page. People click on it, so nothing but the web's own schemes will do.
fn read_url(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
    let text = fields::some_text(node, "`url`", faults)?;
    if !is_web_url(text) {
        let message = format!("`url` must be a whole `http` or `https` URL, but it is {}.", quoted(text));
        faults.error(Code::BadUrl, node.span, message).hint("For example `https://wiki.example/shop`.");
        return None;
    }
    Some(text.to_owned())
}

pub(crate) fn is_web_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    host.is_some_and(|host| !host.is_empty())
        && text.len() <= 2000
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}
