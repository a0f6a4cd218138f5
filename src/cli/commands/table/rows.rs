//! Rows of tables as they are printed: a table for people, JSON or CSV.

use std::io::IsTerminal as _;

use clap::Args;
use jiff::tz::TimeZone;

use super::view::Decoding;
use crate::cli::commands::Outcome;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::output::{write_field, write_integer, write_value_field};
use crate::cli::sink::{Sink, SinkError};
use crate::cli::terminal::escape_for_terminal;
use crate::cli::timestamp::write_strftime;
use crate::job::view::Row;
use crate::serde::{Serde, SerdeError};

/// Rows by which the widths of columns are found; later ones that are wider stand out.
const MEASURED_ROWS: usize = 1000;
/// Characters of the widest key column.
const KEY_WIDTH_MAX: usize = 40;
/// Characters of a local time.
const TIME_WIDTH: usize = 19;
const GAP: &str = "  ";

/// How rows are printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(in crate::cli::commands) struct RowForm {
    /// One JSON object a line: key, value, ts
    #[arg(short = 'J', long, conflicts_with = "csv")]
    json: bool,
    /// CSV with a header line
    #[arg(long)]
    csv: bool,
}

impl RowForm {
    /// Whether it is a table for people.
    pub(in crate::cli::commands) const fn is_table(&self) -> bool {
        !self.json && !self.csv
    }
}

/// Key, window, time and value for people.
pub(super) type Cells = [String; 4];

/// Start and end of a window in milliseconds.
pub(in crate::cli::commands) type Span = (i64, i64);

/// Prints rows, one after the other.
pub(in crate::cli::commands) struct Rows<'a> {
    sink: Sink,
    form: Form,
    decoding: &'a Decoding,
    context: &'a Context,
    has_windows: bool,
    failed: u64,
    stopped: Option<SinkError>,
    scratch: (Vec<u8>, Vec<u8>),
}

enum Form {
    Json,
    Csv,
    /// Rows wait until the widths are known.
    Table {
        waiting: Vec<Cells>,
        widths: Option<[usize; 4]>,
        width_max: Option<usize>,
    },
}

impl<'a> Rows<'a> {
    /// Rows of a table with or without windows.
    pub(in crate::cli::commands) fn new(
        context: &'a Context,
        form: &RowForm,
        decoding: &'a Decoding,
        has_windows: bool,
    ) -> Self {
        let stdout = std::io::stdout();
        let form = match (form.json, form.csv) {
            (true, _) => Form::Json,
            (_, true) => Form::Csv,
            // Only a terminal has a width.
            _ => Form::Table {
                waiting: Vec::new(),
                widths: None,
                width_max: stdout
                    .is_terminal()
                    .then(|| crossterm::terminal::size().map_or(80, |(columns, _)| columns.into())),
            },
        };
        let mut sink = Sink::stdout();
        if matches!(form, Form::Csv) {
            let spans = if has_windows { ",start,end" } else { "" };
            sink.buffer().extend_from_slice(format!("key,value,ts{spans}\n").as_bytes());
        }
        let scratch = (Vec::new(), Vec::new());
        Self { sink, form, decoding, context, has_windows, failed: 0, stopped: None, scratch }
    }

    /// Takes a row. An error says that nobody reads any more, or that nothing can be written.
    pub(in crate::cli::commands) fn push(
        &mut self,
        row: Row<'_>,
        span: Option<Span>,
    ) -> Result<(), ()> {
        let (mut key, mut value) = std::mem::take(&mut self.scratch);
        let texts = decoded(self.decoding, &row, &mut key, &mut value);
        let pushed = match texts {
            Ok(row) => self.push_text(row, span),
            Err((what, error)) => {
                self.failed += 1;
                if self.failed == 1 {
                    self.context.error(&format!("{what} of a row: {error}"));
                }
                Ok(())
            }
        };
        self.scratch = (key, value);
        pushed.map_err(|error| self.stopped = Some(error))
    }

    fn push_text(&mut self, row: Row<'_>, span: Option<Span>) -> Result<(), SinkError> {
        let out = self.sink.buffer();
        match &mut self.form {
            Form::Json => write_json(out, &row, span),
            Form::Csv => write_csv(out, &row, span),
            Form::Table { waiting, widths, width_max } => {
                let cells = cells(&row, span, self.has_windows);
                if let Some(widths) = widths {
                    write_cells(out, &cells, widths, *width_max);
                } else {
                    waiting.push(cells);
                    if waiting.len() == MEASURED_ROWS {
                        self.measure();
                    }
                }
            }
        }
        if self.sink.is_full() { self.sink.hand_over() } else { Ok(()) }
    }

    /// Finds the widths of columns, and writes the rows that waited for them.
    fn measure(&mut self) {
        let Form::Table { waiting, widths, width_max } = &mut self.form else { return };
        let found = widths_of(waiting, self.has_windows);
        let out = self.sink.buffer();
        let style = anstyle::Style::new().dimmed();
        let mut line = Vec::new();
        write_cells(&mut line, &header(self.has_windows).map(str::to_owned), &found, *width_max);
        let line = line.trim_ascii_end();
        if self.context.colored_stdout {
            out.extend_from_slice(style.render().to_string().as_bytes());
            out.extend_from_slice(line);
            out.extend_from_slice(style.render_reset().to_string().as_bytes());
        } else {
            out.extend_from_slice(line);
        }
        out.push(b'\n');
        for cells in waiting.drain(..) {
            write_cells(out, &cells, &found, *width_max);
        }
        *widths = Some(found);
    }

    /// Writes what is left.
    pub(in crate::cli::commands) fn end(mut self) -> Outcome {
        if matches!(&self.form, Form::Table { waiting, widths: None, .. } if !waiting.is_empty()) {
            self.measure();
        }
        let flushed = match self.stopped.take() {
            Some(error) => Err(error),
            None => self.sink.flush(),
        };
        match flushed {
            Err(SinkError::Io(error)) => return Err(CommandError::stdout(error)),
            Err(SinkError::Closed) | Ok(()) => {}
        }
        if self.failed > 1 {
            self.context.error(&format!("{} more rows failed", self.failed - 1));
        }
        Ok(if self.failed > 0 { Status::SomeFailed } else { Status::Done })
    }
}

/// A row with texts in place of what is stored.
pub(super) fn decoded<'r>(
    decoding: &Decoding,
    row: &Row<'r>,
    key: &'r mut Vec<u8>,
    value: &'r mut Vec<u8>,
) -> Result<Row<'r>, (&'static str, SerdeError)> {
    let text =
        |serde: Serde, bytes: &'r [u8], scratch: &'r mut Vec<u8>| serde.decode(bytes, scratch);
    Ok(Row {
        key: text(decoding.key_serde, row.key, key).map_err(|error| ("the key", error))?,
        value: text(decoding.value_serde, row.value, value)
            .map_err(|error| ("the value", error))?,
        timestamp: row.timestamp,
    })
}

fn write_json(out: &mut Vec<u8>, row: &Row<'_>, span: Option<Span>) {
    out.push(b'{');
    write_field(out, "key", Some(row.key));
    out.push(b',');
    write_value_field(out, row.value);
    let numbers =
        [("ts", Some(row.timestamp)), ("start", span.map(|it| it.0)), ("end", span.map(|it| it.1))];
    for (name, number) in numbers {
        let Some(number) = number else { continue };
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        write_integer(out, number);
    }
    out.extend_from_slice(b"}\n");
}

/// Source: RFC 4180, with a newline as the end of a line.
fn write_csv(out: &mut Vec<u8>, row: &Row<'_>, span: Option<Span>) {
    write_csv_field(out, row.key);
    out.push(b',');
    write_csv_field(out, row.value);
    for number in [Some(row.timestamp), span.map(|it| it.0), span.map(|it| it.1)] {
        let Some(number) = number else { continue };
        out.push(b',');
        write_integer(out, number);
    }
    out.push(b'\n');
}

fn write_csv_field(out: &mut Vec<u8>, text: &[u8]) {
    if !text.iter().any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r')) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for byte in text {
        out.extend_from_slice(if *byte == b'"' { b"\"\"" } else { std::slice::from_ref(byte) });
    }
    out.push(b'"');
}

/// The width of each column but the last, by what the rows have in them.
pub(super) fn widths_of(rows: &[Cells], has_windows: bool) -> [usize; 4] {
    let names = header(has_windows);
    let width = |column: usize| {
        let cells = rows.iter().map(|cells| cells[column].chars().count());
        cells.chain([names[column].len()]).max().unwrap_or_default()
    };
    [width(0).min(KEY_WIDTH_MAX), width(1), width(2), 0]
}

pub(super) const fn header(has_windows: bool) -> [&'static str; 4] {
    if has_windows { ["KEY", "WINDOW", "TIME", "VALUE"] } else { ["KEY", "", "TIME", "VALUE"] }
}

/// A row for people.
pub(super) fn cells(row: &Row<'_>, span: Option<Span>, has_windows: bool) -> Cells {
    let text = |bytes| {
        let mut text = String::new();
        escape_for_terminal(&mut text, bytes);
        text
    };
    let time = |timestamp: i64| {
        let mut out = Vec::with_capacity(TIME_WIDTH);
        if timestamp >= 0 {
            write_strftime(&mut out, timestamp, "%F %T", &TimeZone::system());
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    let window = span
        .filter(|_| has_windows)
        .map_or_else(String::new, |(start, end)| format!("{} – {}", time(start), time(end)));
    [text(row.key), window, time(row.timestamp), text(row.value)]
}

/// Appends a row in columns, cut to `max` characters.
pub(super) fn write_cells(
    out: &mut Vec<u8>,
    cells: &Cells,
    widths: &[usize; 4],
    max: Option<usize>,
) {
    let mut column = 0;
    for (cell, width) in cells[..3].iter().zip(widths) {
        if *width == 0 {
            continue;
        }
        let room = max.map_or(usize::MAX, |_| *width);
        let written = write_cut(out, cell, room);
        let padding = width.saturating_sub(written);
        out.extend(std::iter::repeat_n(b' ', padding));
        out.extend_from_slice(GAP.as_bytes());
        column += written.max(*width) + GAP.len();
    }
    write_cut(out, &cells[3], max.map_or(usize::MAX, |max| max.saturating_sub(column).max(8)));
    out.push(b'\n');
}

/// Appends a text, or as much of it as there is room for; gives how many characters.
fn write_cut(out: &mut Vec<u8>, text: &str, room: usize) -> usize {
    let count = text.chars().count();
    if count <= room {
        out.extend_from_slice(text.as_bytes());
        return count;
    }
    let end = text.char_indices().nth(room.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    out.extend_from_slice(&text.as_bytes()[..end]);
    out.extend_from_slice("…".as_bytes());
    room
}
