//! Backstage's `catalog-info.yaml`, as services and teams. What has no place here is told, with its line: nothing is lost in silence.

use std::collections::HashMap;

use model::{
    api::Fault,
    name::is_name,
    service::{Lifecycle, Link, Service, Team},
};

use crate::{
    fault::{Code, Faults, quoted},
    limits::ENTRIES_MAX,
    parse::{self, DocumentContent},
    read::{Kind, SourceText},
    service::is_web_url,
    source::{Source, Span},
    tree::{Content, Entry, Node},
    write::Writer,
};

/// What became of a catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// In the order in which they are written.
    pub documents: Vec<ImportedDocument>,
    /// What cannot be read, and as remarks all that was not carried over.
    pub faults: Vec<Fault>,
}

/// A document of Signalbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedDocument {
    pub kind: Kind,
    pub name: String,
    /// YAML, without `---`.
    pub text: String,
}

/// Each `Component` becomes a service, each `Group` a team.
pub fn import_backstage(catalog: &SourceText<'_>) -> Imported {
    let source = Source::new(catalog.path, catalog.text);
    let mut faults = Faults::new(&source);
    let parsed = parse::parse_all(&mut faults);
    let mut import = Import { faults, documents: Vec::new(), taken: HashMap::new() };
    for document in &parsed.list {
        if let DocumentContent::Tree { root, .. } = &document.content {
            import.entity(root);
        }
    }
    Imported { documents: import.documents, faults: import.faults.finish() }
}

struct Import<'s> {
    faults: Faults<'s>,
    documents: Vec<ImportedDocument>,
    /// By kind and name: the line of the first.
    taken: HashMap<(Kind, String), usize>,
}

/// A mapping of which it is known who took what.
struct Part<'t> {
    /// As it is told: `spec.`.
    of: &'static str,
    entries: &'t [Entry],
}

impl<'t> Part<'t> {
    fn get(&self, key: &str) -> Option<&'t Node> {
        self.entries.iter().find(|entry| entry.key.text == key).map(|entry| &entry.value)
    }
}

impl Import<'_> {
    fn entity(&mut self, root: &Node) {
        let Content::Mapping(entries) = &root.content else {
            return self.left(root.span, "This document", "it is no entity of Backstage");
        };
        let whole = Part { of: "", entries };
        let word = |key: &str| match whole.get(key).map(|node| &node.content) {
            Some(Content::Text(text)) => text.as_str(),
            _ => "",
        };
        if !word("apiVersion").starts_with("backstage.io/") {
            return self.left(root.span, "This document", "its `apiVersion` is not one of Backstage's");
        }
        let kind = match word("kind") {
            "Component" => Kind::Service,
            "Group" => Kind::Team,
            other => {
                let what = format!("The entity of the kind {}", quoted(other));
                let place = whole.get("kind").map_or(root.span, |node| node.span);
                return self.left(place, &what, "only `Component` and `Group` have a place here");
            }
        };
        let (metadata, spec) =
            (self.part(&whole, "metadata", "metadata."), self.part(&whole, "spec", "spec."));
        self.rest(&whole, &["apiVersion", "kind", "metadata", "spec"]);
        let Some(name) = self.name(kind, &metadata, root.span) else { return };
        let title = self.word(&metadata, "title");
        let description = self.words(&metadata, "description");
        let links = self.links(&metadata);
        self.metadata(&metadata);
        let text = if kind == Kind::Service {
            self.component(
                &spec,
                Service {
                    name: name.clone(),
                    title,
                    description,
                    owner: None,
                    operator: None,
                    tier: None,
                    lifecycle: Lifecycle::default(),
                    environments: Vec::new(),
                    depends_on: Vec::new(),
                    links,
                    runbooks: Vec::new(),
                },
            )
        } else {
            let team = Team { name: name.clone(), title, description, links, ..Team::default() };
            self.group(&spec, team)
        };
        self.documents.push(ImportedDocument { kind, name, text });
    }

    fn component(&mut self, spec: &Part<'_>, mut service: Service) -> String {
        service.owner = self.reference(spec, "owner", "group");
        let lifecycle = self.word(spec, "lifecycle");
        let known = lifecycle.as_deref().map(|word| Lifecycle::ALL.into_iter().find(|it| it.name() == word));
        if let (Some(None), Some(node)) = (known, spec.get("lifecycle")) {
            self.left(
                node.span,
                "`spec.lifecycle`",
                "it is none of `experimental`, `production` and `deprecated`",
            );
        }
        service.depends_on = self.references(spec, "dependsOn", "component");
        if service.depends_on.contains(&service.name)
            && let Some(node) = spec.get("dependsOn")
        {
            self.left(node.span, "Its dependence on itself", "a service does not depend on itself");
            service.depends_on.retain(|name| *name != service.name);
        }
        // Every service is one.
        if self.word(spec, "type").as_deref() != Some("service")
            && let Some(node) = spec.get("type")
        {
            self.left(node.span, "`spec.type`", "services have no types");
        }
        self.rest(spec, &["owner", "lifecycle", "dependsOn", "type"]);
        let mut writer = Writer::default();
        writer.text("kind", Some(Kind::Service.name()));
        writer.text("name", Some(&service.name));
        writer.text("title", service.title.as_deref());
        writer.text("description", service.description.as_deref());
        writer.text("owner", service.owner.as_deref());
        writer.text("lifecycle", known.flatten().map(Lifecycle::name));
        writer.list("depends_on", &service.depends_on);
        write_links(&mut writer, &service.links);
        writer.finish()
    }

    fn group(&mut self, spec: &Part<'_>, mut team: Team) -> String {
        team.members = self.references(spec, "members", "user");
        let profile = self.part(spec, "profile", "spec.profile.");
        let displayed = self.word(&profile, "displayName");
        if let (Some(_), Some(_), Some(node)) = (&team.title, &displayed, profile.get("displayName")) {
            self.left(node.span, "`spec.profile.displayName`", "the team has the title of `metadata.title`");
        }
        team.title = team.title.or(displayed);
        team.contact = self.word(&profile, "email");
        self.rest(&profile, &["displayName", "email"]);
        self.rest(spec, &["members", "profile"]);
        let mut writer = Writer::default();
        writer.text("kind", Some(Kind::Team.name()));
        writer.text("name", Some(&team.name));
        writer.text("title", team.title.as_deref());
        writer.text("description", team.description.as_deref());
        writer.list("members", &team.members);
        writer.text("contact", team.contact.as_deref());
        write_links(&mut writer, &team.links);
        writer.finish()
    }

    /// Backstage allows capitals, `_` and `.`, which become what is nearest; it also has namespaces.
    fn name(&mut self, kind: Kind, metadata: &Part<'_>, root: Span) -> Option<String> {
        let Some(node) = metadata.get("name") else {
            self.left(root, "This entity", "it has no `metadata.name`");
            return None;
        };
        let written = self.word(metadata, "name")?;
        let Some(name) = near_name(&written) else {
            self.left(
                node.span,
                &format!("The entity {}", quoted(&written)),
                "its name has no letter or digit",
            );
            return None;
        };
        if let Some(line) = self.taken.get(&(kind, name.clone())) {
            let why = format!("the one at line {line} has the name `{name}` already");
            self.left(node.span, &format!("The entity {}", quoted(&written)), &why);
            return None;
        }
        if name != written {
            let message = format!("The name {} became `{name}`.", quoted(&written));
            self.faults.remark(Code::NameChanged, node.span, message);
        }
        let (line, _) = self.faults.source.place(node.span.start);
        self.taken.insert((kind, name.clone()), line);
        Some(name)
    }

    fn metadata(&mut self, metadata: &Part<'_>) {
        for key in ["annotations", "labels"] {
            let Some(Content::Mapping(entries)) = metadata.get(key).map(|node| &node.content) else {
                continue;
            };
            for entry in entries {
                let what = format!("The entry {} of `metadata.{key}`", quoted(&entry.key.text));
                self.left(entry.key.span, &what, "services and teams have none");
            }
        }
        if let Some(node) = metadata.get("namespace")
            && !matches!(&node.content, Content::Text(text) if text == "default")
        {
            self.left(node.span, "`metadata.namespace`", "a project has no namespaces");
        }
        let known = ["name", "title", "description", "links", "annotations", "labels", "namespace"];
        self.rest(metadata, &known);
    }

    fn links(&mut self, metadata: &Part<'_>) -> Vec<Link> {
        let Some(node) = metadata.get("links") else { return Vec::new() };
        let Content::Sequence(items) = &node.content else {
            self.left(node.span, "`metadata.links`", "it is no list");
            return Vec::new();
        };
        let mut links = Vec::new();
        for item in items {
            let Content::Mapping(entries) = &item.content else {
                self.left(item.span, "This link", "it is no mapping");
                continue;
            };
            let link = Part { of: "links.", entries };
            let (url, title) = (self.word(&link, "url"), self.word(&link, "title"));
            self.rest(&link, &["url", "title"]);
            let Some(url) = url.filter(|url| is_web_url(url)) else {
                self.left(item.span, "This link", "its `url` is none of `http` or `https`");
                continue;
            };
            if links.len() == ENTRIES_MAX {
                self.left(item.span, "This link", &format!("there are {ENTRIES_MAX} before it"));
                continue;
            }
            let host = url.split('/').nth(2).unwrap_or("link").chars().take(WORD_MAX).collect();
            links.push(Link { title: title.unwrap_or(host), url });
        }
        links
    }

    /// One name of another entity, if it is of this kind.
    fn reference(&mut self, part: &Part<'_>, key: &str, kind: &str) -> Option<String> {
        let node = part.get(key)?;
        self.referred(node, &format!("`{}{key}`", part.of), kind)
    }

    fn references(&mut self, part: &Part<'_>, key: &str, kind: &str) -> Vec<String> {
        let Some(node) = part.get(key) else { return Vec::new() };
        let what = format!("`{}{key}`", part.of);
        let Content::Sequence(items) = &node.content else {
            self.left(node.span, &what, "it is no list");
            return Vec::new();
        };
        let mut names: Vec<String> = Vec::new();
        for item in items {
            let Some(name) = self.referred(item, &format!("An entry of {what}"), kind) else { continue };
            if names.contains(&name) {
                self.left(item.span, &format!("An entry of {what}"), "it is there twice");
            } else if names.len() == ENTRIES_MAX {
                self.left(
                    item.span,
                    &format!("An entry of {what}"),
                    &format!("there are {ENTRIES_MAX} before it"),
                );
            } else {
                names.push(name);
            }
        }
        names
    }

    /// `[kind:][namespace/]name`
    fn referred(&mut self, node: &Node, what: &str, kind: &str) -> Option<String> {
        let Content::Text(text) = &node.content else {
            self.left(node.span, what, "it is no text");
            return None;
        };
        let (of, rest) = text.split_once(':').unwrap_or((kind, text));
        if !of.eq_ignore_ascii_case(kind) {
            self.left(node.span, what, &format!("it speaks of a {}, and not of a {kind}", quoted(of)));
            return None;
        }
        let (namespace, name) = rest.split_once('/').unwrap_or(("default", rest));
        let Some(near) = near_name(name) else {
            self.left(node.span, what, "there is no name in it");
            return None;
        };
        if !namespace.eq_ignore_ascii_case("default") {
            self.left(
                node.span,
                &format!("The namespace of {}", quoted(text)),
                "a project has no namespaces",
            );
        }
        // People keep their names.
        Some(if kind == "user" { name.to_owned() } else { near })
            .filter(|name| !name.contains(char::is_control) && name.chars().count() <= WORD_MAX)
    }

    /// A short text on one line.
    fn word(&mut self, part: &Part<'_>, key: &str) -> Option<String> {
        let text = self.words(part, key)?;
        if text.chars().count() > WORD_MAX || text.contains(char::is_control) {
            let why = format!("it is not one line of at most {WORD_MAX} characters");
            self.left(part.get(key)?.span, &format!("`{}{key}`", part.of), &why);
            return None;
        }
        Some(text)
    }

    /// A text; none if it is empty.
    fn words(&mut self, part: &Part<'_>, key: &str) -> Option<String> {
        let node = part.get(key)?;
        match &node.content {
            Content::Text(text) if text.trim().is_empty() => None,
            Content::Text(text) => Some(text.clone()),
            Content::Integer(_) | Content::Decimal(_) | Content::Boolean(_) => {
                Some(self.faults.source.slice(node.span).to_owned())
            }
            Content::Null | Content::Told => None,
            // `$text: ./README.md`
            Content::Sequence(_) | Content::Mapping(_) => {
                self.left(node.span, &format!("`{}{key}`", part.of), "it is no text");
                None
            }
        }
    }

    fn part<'t>(&mut self, of: &Part<'t>, key: &str, told: &'static str) -> Part<'t> {
        let entries = match of.get(key).map(|node| (&node.content, node.span)) {
            Some((Content::Mapping(entries), _)) => entries.as_slice(),
            None | Some((Content::Null | Content::Told, _)) => &[],
            Some((_, span)) => {
                self.left(span, &format!("`{}{key}`", of.of), "it is no mapping");
                &[]
            }
        };
        Part { of: told, entries }
    }

    /// Tells all keys but those that were looked at.
    fn rest(&mut self, part: &Part<'_>, known: &[&str]) {
        for entry in part.entries.iter().filter(|entry| !known.contains(&entry.key.text.as_str())) {
            let what = format!("`{}{}`", part.of, quoted(&entry.key.text).trim_matches('`'));
            self.left(entry.key.span, &what, "there is no place for it");
        }
    }

    fn left(&mut self, span: Span, what: &str, why: &str) {
        self.faults.remark(Code::NotCarriedOver, span, format!("{what} is not carried over: {why}."));
    }
}

/// As long as our own short words may be.
const WORD_MAX: usize = 200;

fn write_links(writer: &mut Writer, links: &[Link]) {
    let rows: Vec<Vec<(&str, &str)>> =
        links.iter().map(|link| vec![("title", link.title.as_str()), ("url", link.url.as_str())]).collect();
    writer.mappings("links", &rows);
}

/// The name of RFC 1123 that is nearest.
fn near_name(text: &str) -> Option<String> {
    let mapped: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(63)
        .collect();
    let name = mapped.trim_matches('-').to_owned();
    is_name(&name).then_some(name)
}
