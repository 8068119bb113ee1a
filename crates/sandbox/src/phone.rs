//! The phone at the other end: every text the gateways accepted, as its owner would read them.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

const MAX_TEXTS_PER_NUMBER: usize = 100;
const MAX_NUMBERS: usize = 10_000;
const MAX_RECENT: usize = 1_000;

/// One of the two gateways the sandbox plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gateway {
    /// WebSMS Connexus.
    Connexus,
    /// MMobile API Connect.
    #[serde(alias = "mobile_api_connect")]
    MobileApiConnect,
}

/// A text as it arrived in the phone's inbox. It may hold a one-time code: `Debug` shows neither text nor number.
#[derive(Clone, Serialize)]
pub struct Text {
    /// The gateway that sent it.
    pub gateway: Gateway,
    /// The gateway's id, as answered to the sender.
    pub message_id: String,
    /// The phone, with `+`.
    pub to: String,
    /// The sender the phone shows.
    pub from: String,
    /// What the text says, the WebOTP last line included.
    pub text: String,
    /// SMS parts it was billed as.
    pub parts: usize,
    /// When it arrived; RFC 3339 in UTC with milliseconds in JSON.
    #[serde(serialize_with = "millis")]
    pub received_at: Timestamp,
    /// True for a text sent with Connexus's own `sandbox=true`: accepted and billed nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sandbox: bool,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text")
            .field("gateway", &self.gateway)
            .field("message_id", &self.message_id)
            .field("parts", &self.parts)
            .field("received_at", &self.received_at)
            .finish_non_exhaustive()
    }
}

/// The inboxes, bounded: the oldest text of a full inbox goes first, then the oldest number.
#[derive(Default)]
pub(crate) struct Phone {
    inboxes: HashMap<String, VecDeque<Arc<Text>>>,
    numbers: VecDeque<String>,
    recent: VecDeque<Arc<Text>>,
}

impl Phone {
    pub(crate) fn receive(&mut self, text: &Arc<Text>) {
        let number = bare(&text.to);
        if !self.inboxes.contains_key(&number) {
            if self.numbers.len() >= MAX_NUMBERS
                && let Some(oldest) = self.numbers.pop_front()
            {
                self.inboxes.remove(&oldest);
            }
            self.numbers.push_back(number.clone());
        }
        push_bounded(self.inboxes.entry(number).or_default(), text, MAX_TEXTS_PER_NUMBER);
        push_bounded(&mut self.recent, text, MAX_RECENT);
    }

    /// The texts of one number, with or without `+`; without a number the newest of all. Oldest first.
    pub(crate) fn texts(&self, number: Option<&str>) -> Vec<Arc<Text>> {
        let texts = match number {
            Some(number) => self.inboxes.get(&bare(number)),
            None => Some(&self.recent),
        };
        texts.into_iter().flatten().cloned().collect()
    }

    pub(crate) fn latest(&self, number: &str) -> Option<&Text> {
        self.inboxes.get(&bare(number))?.back().map(Arc::as_ref)
    }
}

/// A number without spaces and `+`: the name of its inbox.
pub(crate) fn bare(number: &str) -> String {
    let number: String = number.chars().filter(|c| !c.is_whitespace()).collect();
    number.strip_prefix('+').map(str::to_owned).unwrap_or(number)
}

/// RFC 3339 in UTC with milliseconds, as Mobile API Connect writes times.
pub(crate) fn iso_millis(at: Timestamp) -> String {
    format!("{at:.3}")
}

pub(crate) fn millis<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&iso_millis(*at))
}

fn push_bounded(queue: &mut VecDeque<Arc<Text>>, text: &Arc<Text>, limit: usize) {
    if queue.len() >= limit {
        queue.pop_front();
    }
    queue.push_back(Arc::clone(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(to: &str, id: usize) -> Arc<Text> {
        Arc::new(Text {
            gateway: Gateway::Connexus,
            message_id: id.to_string(),
            to: to.into(),
            from: "552".into(),
            text: "482174".into(),
            parts: 1,
            received_at: Timestamp::UNIX_EPOCH,
            sandbox: false,
        })
    }

    #[test]
    fn inboxes_are_bounded_and_keep_the_newest() {
        let mut phone = Phone::default();
        for id in 0..MAX_TEXTS_PER_NUMBER + 5 {
            phone.receive(&text("+6421", id));
        }
        let kept = phone.texts(Some("6421"));
        assert_eq!(kept.len(), MAX_TEXTS_PER_NUMBER);
        assert_eq!(kept[0].message_id, "5");
        for number in 0..MAX_NUMBERS {
            phone.receive(&text(&format!("+1{number}"), number));
        }
        assert!(phone.texts(Some("+6421")).is_empty(), "the oldest number made room");
        assert_eq!(phone.inboxes.len(), MAX_NUMBERS);
        assert_eq!(phone.texts(None).len(), MAX_RECENT);
    }

    #[test]
    fn times_have_milliseconds_and_debug_no_code() {
        assert_eq!(iso_millis(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
        assert!(!format!("{:?}", text("+6421", 1)).contains("482174"));
    }
}
