//! `textproof consent import`: a dry run until `--yes`. What is wrong is said with its line, and keeps no other line from
//! being imported.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use serde_json::json;
use textproof::{
    consent::{ConsentLedger, Imported},
    store::ConsentRecorded,
};
use textproof_service::{config::Config, exit};

use super::{now_ms, row::Row};
use crate::{arguments::consent::ImportOptions, output};

/// Longer than any line of an export.
const LINE_BYTES: u64 = 64 * 1024;
/// Bad lines that are named; beyond, they are counted.
const NAMED_AT_MOST: usize = 100;

pub(super) async fn run(
    config: &Config,
    ledger: &ConsentLedger,
    options: ImportOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let tenant = options.tenant.as_deref().unwrap_or(config.tenant());
    let mut import = Import { ledger, tenant, yes: options.yes, came_to: CameTo::default() };
    let mut lines = Lines::open(&options.file)?;
    while let Some((number, row)) =
        lines.next().with_context(|| format!("{} cannot be read", options.file.display()))?
    {
        import.line(number, row).await?;
    }
    let CameTo { changed, stand, bad, named } = import.came_to;
    let changed_fact = if options.yes { "changed" } else { "would_change" };
    let mut facts = vec![
        ("outcome", json!(if options.yes { "imported" } else { "dry_run" })),
        (changed_fact, json!(changed)),
        ("known", json!(stand)),
        ("bad", json!(bad)),
        ("bad_lines", json!(named)),
    ];
    if bad > named.len() as u64 {
        facts.push(("more", json!(format!("{} more bad lines are not named", bad - named.len() as u64))));
    }
    if !options.yes {
        facts.push(("next", json!("add --yes to import the good lines; the later statement stands")));
    }
    output::facts(json, &facts)?;
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::from(exit::REFUSED) })
}

struct Import<'a> {
    ledger: &'a ConsentLedger,
    tenant: &'a str,
    yes: bool,
    came_to: CameTo,
}

#[derive(Default)]
struct CameTo {
    changed: u64,
    stand: u64,
    bad: u64,
    named: Vec<String>,
}

impl Import<'_> {
    async fn line(&mut self, number: u64, row: Result<Row, &'static str>) -> anyhow::Result<()> {
        match row.and_then(|row| row.read(self.tenant, now_ms())) {
            Ok(imported) => self.statement(number, imported).await,
            Err(problem) => {
                self.bad(number, problem);
                Ok(())
            }
        }
    }

    async fn statement(&mut self, number: u64, imported: Imported) -> anyhow::Result<()> {
        let so_far = || format!("it ended early, at line {number}; do it again");
        if !self.yes {
            let changes = self.ledger.would_change(imported).await.with_context(so_far)?;
            *(if changes { &mut self.came_to.changed } else { &mut self.came_to.stand }) += 1;
            return Ok(());
        }
        match self.ledger.import(imported, now_ms()).await.with_context(so_far)? {
            ConsentRecorded::Changed | ConsentRecorded::OutOfAll => self.came_to.changed += 1,
            ConsentRecorded::Stands => self.came_to.stand += 1,
            ConsentRecorded::Full => {
                self.bad(number, "an opt-in of a phone that has statements towards 64 senders already");
            }
        }
        Ok(())
    }

    fn bad(&mut self, number: u64, problem: &str) {
        self.came_to.bad += 1;
        if self.came_to.named.len() < NAMED_AT_MOST {
            self.came_to.named.push(format!("line {number}: {problem}"));
        }
    }
}

/// The lines of a file with their numbers, whatever it is written in.
enum Lines {
    Jsonl { file: BufReader<File>, number: u64 },
    Csv(Box<csv::DeserializeRecordsIntoIter<BufReader<File>, Row>>, u64),
}

impl Lines {
    /// A file whose first letter is `{` holds JSON lines.
    fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut file = BufReader::new(file);
        let beginning = file.fill_buf().with_context(|| format!("{} cannot be read", path.display()))?;
        if beginning.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
            return Ok(Self::Jsonl { file, number: 0 });
        }
        let reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
        Ok(Self::Csv(Box::new(reader.into_deserialize()), 1))
    }

    fn next(&mut self) -> anyhow::Result<Option<(u64, Result<Row, &'static str>)>> {
        match self {
            Self::Jsonl { file, number } => loop {
                *number += 1;
                let Some(line) = line(file)? else { return Ok(None) };
                match line {
                    Some(line) if line.trim_ascii().is_empty() => {}
                    Some(line) => {
                        let row = serde_json::from_slice(&line);
                        return Ok(Some((
                            *number,
                            row.map_err(|_| "it is not an object of the known fields"),
                        )));
                    }
                    None => return Ok(Some((*number, Err("it is too long")))),
                }
            },
            Self::Csv(rows, before) => {
                let Some(row) = rows.next() else { return Ok(None) };
                let number = match &row {
                    Ok(_) => rows.reader().position().line(),
                    Err(error) => error.position().map_or(*before + 1, csv::Position::line),
                };
                if let Err(error) = &row
                    && let csv::ErrorKind::Io(_) = error.kind()
                {
                    anyhow::bail!("{error}");
                }
                let number = if row.is_ok() { number - 1 } else { number };
                *before = number;
                Ok(Some((
                    number,
                    row.map(Row::of_columns).map_err(|_| "it does not have the fields of the header"),
                )))
            }
        }
    }
}

/// The next line; the inner none is one that is too long.
fn line(file: &mut BufReader<File>) -> std::io::Result<Option<Option<Vec<u8>>>> {
    let mut line = Vec::new();
    if file.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.ends_with(b"\n") || (line.len() as u64) < LINE_BYTES {
        return Ok(Some(Some(line)));
    }
    while file.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)? > 0 && !line.ends_with(b"\n") {
        line.clear();
    }
    Ok(Some(None))
}
