//! Lists: a table on a terminal, columns with a tab between them for programs.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};

/// Rows under a heading.
pub struct Rows {
    heading: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    pub fn new(heading: &[&'static str]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new() }
    }

    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// As a table of at most this width; without one, with tabs.
    pub fn draw(&self, width: Option<u16>) -> String {
        match width {
            Some(width) => self.table(width),
            None => self.tabbed(),
        }
    }

    fn table(&self, width: u16) -> String {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
        table.set_header(self.heading.iter().map(|name| name.to_uppercase()));
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| one_line(cell)));
        }
        for (place, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            // Names and ids come first, are copied, and must not be broken.
            if place == 0 {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n") + "\n"
    }

    fn tabbed(&self) -> String {
        let mut text = self.heading.join("\t") + "\n";
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| one_line(cell)).collect();
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        text
    }
}

/// Cells hold what people wrote; a line end or a tab would break the row.
fn one_line(cell: &str) -> String {
    cell.replace(['\n', '\r', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let mut rows = Rows::new(&["name", "reason"]);
        rows.push(vec!["greet".into(), "two\nlines\tand a tab".into()]);
        rows.push(vec!["restart-web".into(), String::new()]);
        rows
    }

    #[test]
    fn programs_get_tabs_and_one_line_a_row() {
        assert_eq!(rows().draw(None), "name\treason\ngreet\ttwo lines and a tab\nrestart-web\t\n");
    }

    #[test]
    fn terminals_get_columns() {
        let drawn = rows().draw(Some(60));
        assert_eq!(drawn, "NAME         REASON\ngreet        two lines and a tab\nrestart-web\n");
    }
}
