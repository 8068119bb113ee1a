//! `textproof consent export`.

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    process::ExitCode,
};

use anyhow::Context;
use serde_json::json;
use textproof::{
    consent::{ConsentLedger, InForce},
    store::CONSENT_SHARDS,
};

use super::row::{COLUMNS, Row};
use crate::{
    arguments::consent::{ExportOptions, Format},
    output,
};

pub(super) async fn run(
    ledger: &ConsentLedger,
    options: ExportOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let Some(path) = &options.file else {
        let mut out = BufWriter::new(io::stdout());
        write(ledger, &options, &mut out).await?;
        return Ok(ExitCode::SUCCESS);
    };
    // Numbers and texts are in there in clear: the file is its owner's alone, and nobody else's is written over.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = BufWriter::new(file.with_context(|| format!("{} cannot be made", path.display()))?);
    let Written { statements, without_number } = write(ledger, &options, &mut file).await?;
    let facts = [
        ("outcome", json!("exported")),
        ("statements", json!(statements)),
        ("without_number", json!(without_number)),
    ];
    output::facts(json, &facts)?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Default)]
struct Written {
    statements: u64,
    /// Of people who were erased, and what another fingerprint key sealed.
    without_number: u64,
}

async fn write(
    ledger: &ConsentLedger,
    options: &ExportOptions,
    out: &mut (impl Write + Send),
) -> anyhow::Result<Written> {
    let mut written = Written::default();
    let mut lines = Lines::begin(options.format, out)?;
    for shard in 0..CONSENT_SHARDS {
        for statement in ledger.export(shard).await.context("the export is not complete")? {
            if options.tenant.as_deref().is_none_or(|tenant| is_of(&statement, tenant)) {
                written.statements += 1;
                written.without_number += u64::from(statement.said.is_none());
                lines.write(&Row::of(statement))?;
            }
        }
    }
    lines.end()?;
    Ok(written)
}

fn is_of(statement: &InForce, tenant: &str) -> bool {
    statement.said.as_ref().is_some_and(|said| said.tenant == tenant)
}

enum Lines<W: Write> {
    Jsonl(W),
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> Lines<W> {
    fn begin(format: Format, out: W) -> anyhow::Result<Self> {
        if format == Format::Jsonl {
            return Ok(Self::Jsonl(out));
        }
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(COLUMNS)?;
        Ok(Self::Csv(Box::new(writer)))
    }

    fn write(&mut self, row: &Row) -> anyhow::Result<()> {
        match self {
            Self::Jsonl(out) => writeln!(out, "{}", serde_json::to_string(row)?)?,
            Self::Csv(writer) => writer.write_record(row.columns().iter().map(|text| text.as_bytes()))?,
        }
        Ok(())
    }

    fn end(self) -> io::Result<()> {
        match self {
            Self::Jsonl(mut out) => out.flush(),
            Self::Csv(mut writer) => writer.flush(),
        }
    }
}
