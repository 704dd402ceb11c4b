//! One cron expression, as local times.

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::civil::{DateTime, date};

#[derive(Clone, Debug)]
pub(crate) struct Expression(Cron);

impl Expression {
    /// Reads an expression, or says in words why it cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        check_shape(text)?;
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| words(&error.to_string()))?;
        let expression = Self(cron);
        // All that there is comes within the 28 years in which days and weekdays repeat, and a century without a leap day.
        match expression.after(date(2000, 1, 1).at(0, 0, 0, 0)) {
            Some(_) => Ok(expression),
            None => Err("no day of any year is like that, so that it never fires".to_owned()),
        }
    }

    /// The first local time after this one.
    pub fn after(&self, local: DateTime) -> Option<DateTime> {
        let whole = local.with().subsec_nanosecond(0).build().ok()?;
        self.0.find_next_occurrence(&whole, false).ok()
    }
}

/// What the parser would let pass and nobody means.
fn check_shape(text: &str) -> Result<(), String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    if text.trim_start().starts_with('@') {
        return Err("names like `@daily` are not read; five fields say the same: `0 0 * * *`".to_owned());
    }
    if !(5..=6).contains(&fields.len()) {
        return Err(format!(
            "it has {} fields, but minute, hour, day, month and weekday are five, or six with the second first",
            fields.len()
        ));
    }
    for field in fields {
        if let Some(stranger) = field.chars().find(|c| !c.is_ascii_alphanumeric() && !"*,-/#".contains(*c)) {
            return Err(format!("`{}` does not belong there", stranger.escape_default()));
        }
        if field.split(',').any(str::is_empty) {
            return Err(format!("`{field}` has a comma with nothing beside it"));
        }
    }
    Ok(())
}

/// What the parser says, as a part of a sentence.
fn words(said: &str) -> String {
    let said = said.rsplit_once(": ").map_or(said, |(_, rest)| rest).trim_end_matches('.');
    let mut characters = said.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}
