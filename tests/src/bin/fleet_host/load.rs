//! Load: the life of a code, again and again, on phones that nobody else uses.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use textproof::{Code, CodeSource, Otp, Purpose, SendOptions, SendOutcome, VerifyOptions};
use tokio::time::Instant;

use crate::{
    control::Control,
    host::{COMPANY, FLEET, Host, logged, tally},
};

/// Runs `tasks` loops for `millis` ms and tallies the words of every step of every loop.
pub(crate) async fn run(
    host: &Host,
    control: &mut Control,
    first: u32,
    tasks: u32,
    millis: u64,
) -> anyhow::Result<Value> {
    let next = Arc::new(AtomicU32::new(first));
    let loops = (0..tasks).map(|_| {
        let (otp, purpose, next) = (host.otp.clone(), host.purpose.clone(), Arc::clone(&next));
        async move {
            let end = Instant::now() + Duration::from_millis(millis);
            let mut words = Vec::new();
            while Instant::now() < end {
                words.extend(one_code(&otp, &purpose, next.fetch_add(1, Ordering::Relaxed)).await);
            }
            words
        }
    });
    let words = control.together(loops).await?;
    Ok(tally(words.into_iter().flatten()))
}

/// Sends, guesses wrong, guesses right, and tries the used code again.
async fn one_code(otp: &Otp, purpose: &Purpose, number: u32) -> Vec<&'static str> {
    let (Ok(phone), Ok(code)) = (
        otp.phone(&format!("+64211{:06}", number % 1_000_000)),
        Code::parse(&format!("{:06}", number % 999_999)),
    ) else {
        return vec!["not_a_phone"];
    };
    let wrong = format!("{:06}", number % 999_999 + 1);
    let options = SendOptions { code: CodeSource::Given(&code), address: FLEET, ..SendOptions::default() };
    let mut words = vec![match otp.send(&phone, purpose, COMPANY, options).await {
        Ok(SendOutcome::Sent(_)) => "sent",
        Ok(SendOutcome::Refused { reason, .. }) => reason.as_str(),
        Err(error) => logged(&error),
    }];
    for guess in [wrong.as_str(), code.expose(), code.expose()] {
        let options = VerifyOptions { address: FLEET, ..VerifyOptions::default() };
        let verdict = otp.verify(&phone, purpose, guess, options).await;
        words.push(verdict.map_or_else(|error| logged(&error), |verdict| verdict.as_str()));
    }
    words
}
