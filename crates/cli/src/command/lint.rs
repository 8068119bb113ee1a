//! `textproof lint`: what a text costs, and whether phones will find the code in it.

use std::{
    io::{self, Read},
    process::ExitCode,
};

use serde_json::{Value, json};
use textproof::{
    SendOptions,
    otp::{TextError, sample_text},
    sms_text::{Report, Severity, lint},
};
use textproof_service::{config::ConfigError, exit};

use crate::{arguments::LintOptions, output};

/// More than any gateway takes; what is longer is no text message.
const MOST_BYTES: u64 = 64 * 1024;

pub(crate) fn run(options: &LintOptions, json: bool) -> anyhow::Result<ExitCode> {
    let verdict = match &options.company {
        Some(company) => {
            let send = SendOptions {
                comment: options.comment.as_deref(),
                web_otp_domain: options.web_otp_domain.as_deref(),
                ..SendOptions::default()
            };
            sample_text(company, send).map(|text| lint(&text))
        }
        None => Ok(lint(&text(options.text.as_deref())?)),
    };
    print(&verdict, json)?;
    Ok(match verdict {
        Ok(report) if !report.has_errors() => ExitCode::SUCCESS,
        _ => ExitCode::from(exit::REFUSED),
    })
}

/// The argument, or all of stdin as it is: a line break at its end belongs to the text.
fn text(argument: Option<&str>) -> anyhow::Result<String> {
    if let Some(text) = argument.filter(|text| *text != "-") {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::new();
    io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(stdin(format!("is longer than {MOST_BYTES} bytes")).into());
    }
    Ok(String::from_utf8(bytes).map_err(|_| stdin("is not UTF-8".to_owned()))?)
}

fn stdin(problem: String) -> ConfigError {
    ConfigError::invalid("TEXT", "stdin", problem)
}

/// Our own text may be one that `send` refuses: then there is nothing to count, and that is the finding.
fn print(verdict: &Result<Report, TextError>, json: bool) -> io::Result<()> {
    let findings: Vec<[String; 3]> = match verdict {
        Ok(report) => report
            .findings
            .iter()
            .map(|finding| [finding.severity().as_str().into(), finding.as_str().into(), finding.to_string()])
            .collect(),
        Err(refused) => vec![[Severity::Error.as_str().into(), "refused".into(), refused.to_string()]],
    };
    let segments = verdict.as_ref().ok().map(|report| &report.segments);
    let mut facts: Vec<(&str, Value)> = vec![
        ("encoding", json!(segments.map(|segments| segments.encoding.as_str()))),
        ("units", json!(segments.map(|segments| segments.units))),
        ("parts", json!(segments.map(|segments| segments.parts))),
        ("units_left", json!(segments.map(|segments| segments.units_left))),
    ];
    if json {
        let findings = findings.iter().map(|[severity, finding, explanation]| {
            json!({ "severity": severity, "finding": finding, "explanation": explanation })
        });
        facts.push(("findings", findings.collect()));
        return output::facts(true, &facts);
    }
    if segments.is_some() {
        output::facts(false, &facts)?;
        output::line("")?;
    }
    if findings.is_empty() {
        return output::line("nothing to say against it");
    }
    output::table(["severity", "finding", "explanation"], findings)
}
