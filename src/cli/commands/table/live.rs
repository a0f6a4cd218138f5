//! `runnel table show -f`: the rows of a table on a screen of their own, as they change.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, queue, style};

use super::rows::{Cells, cells, decoded, header, widths_of, write_cells};
use super::view::Decoding;
use crate::cli::commands::Outcome;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::signals::Signals;
use crate::job::view::{Row, Window};
use crate::model::TopicName;

/// How often the table is looked at.
const REFRESH: Duration = Duration::from_millis(250);

/// Gives the rows of the table as it is now, until told to stop.
pub(super) type EachRow<'a> = &'a mut dyn FnMut(Row<'_>, Option<Window>) -> ControlFlow<()>;

/// What is shown.
pub(super) struct Live<'a> {
    pub(super) context: &'a Context,
    pub(super) name: &'a TopicName,
    pub(super) has_windows: bool,
}

/// A screen of our own, until this is dropped.
struct Screen;

impl Screen {
    fn enter() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let screen = Self;
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing is left to do for a terminal that is gone.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, cursor::Show);
        let _ = terminal::disable_raw_mode();
    }
}

/// What is on the screen.
struct Shown {
    rows: Vec<Cells>,
    /// There are rows after the last one.
    has_more: bool,
    failed: usize,
}

impl Live<'_> {
    /// Shows the table until somebody has seen enough. `each_row` gives all its rows.
    pub(super) fn run(
        &self,
        each_row: &mut dyn FnMut(EachRow<'_>) -> Result<(), CommandError>,
    ) -> Outcome {
        if !io::stdout().is_terminal() {
            return Err(CommandError::usage("-f is a live view, for a terminal")
                .hint("a table with --to sends its changes there: `runnel consume TOPIC -f`"));
        }
        let signals = Signals::listen().map_err(CommandError::failed)?;
        let _screen = Screen::enter().map_err(CommandError::stdout)?;
        let (mut first, mut last_seen, mut last_frame) = (0, HashMap::new(), Vec::new());
        loop {
            if let Some(status) = signals.received() {
                return Ok(status);
            }
            let (columns, lines) = terminal::size().unwrap_or((80, 24));
            let (columns, lines) = (usize::from(columns), usize::from(lines));
            let room = lines.saturating_sub(2).max(1);
            let shown = self.look(first, room, each_row)?;
            if shown.rows.is_empty() && first > 0 {
                first = 0;
                continue;
            }
            let seen = shown.rows.iter().map(|row| (key_of(row), row[3].clone())).collect();
            let frame = self.frame(&shown, &last_seen, (first, columns));
            if frame != last_frame {
                draw(&frame).map_err(CommandError::stdout)?;
                last_frame = frame;
            }
            last_seen = seen;
            let was = first;
            match wait().map_err(CommandError::stdout)? {
                Pressed::End => return Ok(Status::Done),
                Pressed::Interrupt => return Ok(Status::Interrupted),
                Pressed::Top => first = 0,
                Pressed::Lines(by) if by > 0 && !shown.has_more => {}
                Pressed::Lines(by) => first = first.saturating_add_signed(by),
                Pressed::Pages(by) if by > 0 && !shown.has_more => {}
                Pressed::Pages(by) => {
                    let by = by.saturating_mul(isize::try_from(room).unwrap_or(isize::MAX));
                    first = first.saturating_add_signed(by);
                }
                Pressed::Nothing => {}
            }
            if first != was {
                // Rows that come into sight have not changed.
                last_seen.clear();
            }
        }
    }

    /// Takes as many rows as there is room for, from the first that is to be shown on.
    fn look(
        &self,
        first: usize,
        room: usize,
        each_row: &mut dyn FnMut(EachRow<'_>) -> Result<(), CommandError>,
    ) -> Result<Shown, CommandError> {
        let (mut passed, mut has_more, mut failed) = (0, false, 0);
        let (mut rows, mut key, mut value) = (Vec::new(), Vec::new(), Vec::new());
        each_row(&mut |row, window| {
            passed += 1;
            if passed <= first {
                return ControlFlow::Continue(());
            }
            if rows.len() == room {
                has_more = true;
                return ControlFlow::Break(());
            }
            let span = window.map(|window| (window.start, window.end));
            match decoded(&Decoding::NONE, &row, &mut key, &mut value) {
                Ok(row) => rows.push(cells(&row, span, self.has_windows)),
                Err(_) => failed += 1,
            }
            ControlFlow::Continue(())
        })?;
        Ok(Shown { rows, has_more, failed })
    }

    /// The lines of the screen. Rows that changed since the last look stand out.
    fn frame(
        &self,
        shown: &Shown,
        last_seen: &HashMap<String, String>,
        (first, columns): (usize, usize),
    ) -> Vec<Vec<u8>> {
        let Shown { rows, has_more, failed } = shown;
        let widths = widths_of(rows, self.has_windows);
        let line = |cells: &Cells| {
            let mut line = Vec::new();
            write_cells(&mut line, cells, &widths, Some(columns));
            line.trim_ascii_end().to_vec()
        };
        let styled = |line: Vec<u8>, style: anstyle::Style| match self.context.colored_stdout {
            false => line,
            true => {
                let (on, off) = (style.render().to_string(), style.render_reset().to_string());
                [on.as_bytes(), &line, off.as_bytes()].concat()
            }
        };
        let (dimmed, bold) = (anstyle::Style::new().dimmed(), anstyle::Style::new().bold());
        let mut frame = vec![styled(line(&header(self.has_windows).map(str::to_owned)), dimmed)];
        for row in rows {
            let is_new = !last_seen.is_empty() && last_seen.get(&key_of(row)) != Some(&row[3]);
            frame.push(styled(line(row), if is_new { bold } else { anstyle::Style::new() }));
        }
        let mut text = match rows.len() {
            0 => format!("{}: no rows", self.name),
            count => format!("{}: rows {} to {}", self.name, first + 1, first + count),
        };
        if *has_more {
            text.push_str(", more below");
        }
        if *failed > 0 {
            text.push_str(&format!(", {failed} cannot be decoded"));
        }
        text.push_str("   q ends, arrows move");
        let text: String = text.chars().take(columns).collect();
        frame.push(styled(text.into_bytes(), dimmed));
        frame
    }
}

fn key_of(row: &Cells) -> String {
    format!("{}\t{}", row[0], row[1])
}

fn draw(frame: &[Vec<u8>]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    queue!(out, cursor::MoveTo(0, 0))?;
    for (number, line) in frame.iter().enumerate() {
        if number > 0 {
            queue!(out, style::Print("\r\n"))?;
        }
        out.write_all(line)?;
        queue!(out, terminal::Clear(terminal::ClearType::UntilNewLine))?;
    }
    queue!(out, terminal::Clear(terminal::ClearType::FromCursorDown))?;
    out.flush()
}

/// What somebody wants.
enum Pressed {
    Nothing,
    End,
    Interrupt,
    Top,
    Lines(isize),
    Pages(isize),
}

/// Waits for a key, or until it is time to look again.
fn wait() -> io::Result<Pressed> {
    if !event::poll(REFRESH)? {
        return Ok(Pressed::Nothing);
    }
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event::read()?
    else {
        return Ok(Pressed::Nothing);
    };
    Ok(match code {
        // The terminal sends no signal while each key comes by itself.
        KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Pressed::Interrupt,
        KeyCode::Char('q') | KeyCode::Esc => Pressed::End,
        KeyCode::Home | KeyCode::Char('g') => Pressed::Top,
        KeyCode::Down | KeyCode::Char('j') => Pressed::Lines(1),
        KeyCode::Up | KeyCode::Char('k') => Pressed::Lines(-1),
        KeyCode::PageDown | KeyCode::Char(' ') => Pressed::Pages(1),
        KeyCode::PageUp | KeyCode::Char('b') => Pressed::Pages(-1),
        _ => Pressed::Nothing,
    })
}
