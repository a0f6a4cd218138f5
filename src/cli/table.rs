//! Tables for people: a dim header, numbers to the right, no lines.

use std::ops::Range;

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, TableStyle};

/// A table without rows.
pub(super) fn new_table(columns: &[&str], colored: bool) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
    if colored {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(columns.iter().map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    table
}

/// Appends a table; which of its columns are `numbers`.
pub(super) fn append_table(out: &mut String, mut table: Table, numbers: Range<usize>) {
    for (number, column) in table.column_iter_mut().enumerate() {
        if numbers.contains(&number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in table.lines() {
        // The table pads its first column too.
        out.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end());
        out.push('\n');
    }
}
