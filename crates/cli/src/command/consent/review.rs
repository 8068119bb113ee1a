//! `textproof consent review`.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};
use textproof::{
    PhoneNumber,
    consent::{ConsentLedger, Resolution, Resolved, Statement, Waiting},
};
use textproof_service::{config::Config, exit};

use super::{now_ms, show::shown, time};
use crate::{
    arguments::consent::{Meaning, ResolveOptions, ReviewCommand, ReviewListOptions},
    output,
};

/// Digits of the longest short code: nobody's own number.
const SHORT_CODE: usize = 6;

pub(super) async fn run(
    config: &Config,
    ledger: &ConsentLedger,
    command: ReviewCommand,
    json: bool,
) -> anyhow::Result<ExitCode> {
    match command {
        ReviewCommand::List(options) => list(config, ledger, options, json).await,
        ReviewCommand::Resolve(options) => resolve(config, ledger, options, json).await,
    }
}

async fn list(
    config: &Config,
    ledger: &ConsentLedger,
    options: ReviewListOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let all = waiting(config, ledger, options.tenant).await?;
    let more = all.len().saturating_sub(options.limit as usize);
    let listed = all.iter().take(options.limit as usize);
    if json {
        let entries: Vec<_> = listed.map(|(tenant, text)| entry(tenant, text, true)).collect();
        output::line(&json!({ "entries": entries, "more": more }).to_string())?;
    } else {
        let row = |(tenant, text): &(String, Waiting)| {
            let said = text.said.as_ref();
            [
                text.event().to_string(),
                time(text.at_ms()),
                tenant.clone(),
                said.map(masked).unwrap_or_default(),
                said.map(|said| said.sender.clone()).unwrap_or_default(),
                said.and_then(|said| shown(said, false)).unwrap_or_default(),
            ]
        };
        output::table(["id", "sent at", "tenant", "from", "to", "text"], listed.map(row))?;
        if more > 0 {
            output::line(&format!("there are {more} more"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn resolve(
    config: &Config,
    ledger: &ConsentLedger,
    options: ResolveOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let all = waiting(config, ledger, options.tenant).await?;
    let Some((tenant, text)) = all.into_iter().find(|(_, text)| *text.event() == options.id) else {
        let facts = [("outcome", json!("not_found")), ("id", json!(options.id.to_string()))];
        output::facts(json, &facts)?;
        return Ok(ExitCode::from(exit::REFUSED));
    };
    let (resolution, meaning) = match options.meaning {
        Meaning::Out => (Resolution::Out, "out"),
        Meaning::In => (Resolution::In, "in"),
        Meaning::Ignore => (Resolution::Ignore, "ignore"),
    };
    let outcome = match options.yes {
        false => "dry_run",
        true => match ledger.resolve(&tenant, &text, resolution, now_ms()).await {
            Ok(Resolved::Changed) => "changed",
            Ok(Resolved::Stands) => "unchanged",
            Ok(Resolved::Full) => "too_many_senders",
            Err(error) => return Err(error).context("it may not be resolved; do it again"),
        },
    };
    let mut facts = vec![("outcome", json!(outcome)), ("meaning", json!(meaning))];
    let told = entry(&tenant, &text, json);
    let fields = ["id", "sent_at", "tenant", "from", "to", "text"];
    facts.extend(fields.map(|field| (field, told[field].clone())));
    if !options.yes {
        facts.push(("next", json!("add --yes to do it; what the person has said since stands")));
    }
    output::facts(json, &facts)?;
    Ok(if outcome == "too_many_senders" { ExitCode::from(exit::REFUSED) } else { ExitCode::SUCCESS })
}

/// What waits, of one tenant or of all that the configuration names, the oldest first.
async fn waiting(
    config: &Config,
    ledger: &ConsentLedger,
    tenant: Option<String>,
) -> anyhow::Result<Vec<(String, Waiting)>> {
    let mut all = Vec::new();
    for tenant in tenant.map_or_else(|| config.tenants(), |tenant| vec![tenant]) {
        let texts = ledger.reviews(&tenant).await.context("the review list could not be read")?;
        all.extend(texts.into_iter().map(|text| (tenant.clone(), text)));
    }
    all.sort_by_key(|(_, text)| text.at_ms());
    Ok(all)
}

fn entry(tenant: &str, text: &Waiting, json: bool) -> Value {
    let said = text.said.as_ref();
    json!({
        "id": text.event().to_string(),
        "sent_at": time(text.at_ms()),
        "tenant": tenant,
        "from": said.map(masked),
        "to": said.map(|said| &said.sender),
        "endpoint": said.map(|said| &said.endpoint),
        "word": said.map(|said| &said.word),
        "text": said.and_then(|said| shown(said, json)),
    })
}

/// Who said it, as numbers are shown; a national number, or what else a gateway calls a sender, is cut as short.
fn masked(said: &Statement) -> String {
    PhoneNumber::parse_international(&said.phone)
        .map_or_else(|_| shortened(&said.phone), |phone| phone.masked())
}

/// The first two characters and the last two, of what is longer than a short code.
fn shortened(sender: &str) -> String {
    let characters: Vec<char> = sender.chars().collect();
    let escaped = |part: &[char]| part.iter().flat_map(|c| c.escape_debug()).collect::<String>();
    match &characters[..] {
        [one, two, .., before, last] if characters.len() > SHORT_CODE => {
            format!("{}…{}", escaped(&[*one, *two]), escaped(&[*before, *last]))
        }
        short => escaped(short),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn who_is_no_international_number_is_shortened_too() {
        for (sender, shown) in [
            ("0211234567", "02…67"),
            ("021 123 4567", "02…67"),
            ("552", "552"),
            ("123456", "123456"),
            ("1234567", "12…67"),
            ("Acme Limited", "Ac…ed"),
            ("\u{1b}[2J\u{202e}4567", "\\u{1b}[…67"),
            ("", ""),
        ] {
            assert_eq!(super::shortened(sender), shown, "{sender:?}");
        }
    }
}
