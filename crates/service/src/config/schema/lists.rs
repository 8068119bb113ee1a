//! The lists of tables in the file: endpoints, rules and forwards, each with a name of its own.

use super::{
    Key,
    Kind::{Flag, Number, Secret, Table, Tables, Target, Text, Texts, Time},
    Section,
};

/// Every `[[list]]` of the file with the keys of its tables.
pub(in crate::config) const LISTS: &[Section] = &[
    Section { name: ENDPOINTS, keys: ENDPOINT },
    Section { name: RULES, keys: RULE },
    Section { name: FORWARDS, keys: FORWARD },
];

/// The name of the list of `[[endpoint]]` tables.
pub(in crate::config) const ENDPOINTS: &str = "endpoint";

/// The keys of an `[[endpoint]]`. The name is what the others are found by.
const ENDPOINT: &[Key] = &[
    Key::new("name", Text),
    // That of `otp` unless it is set: see `Layers::fill_tenants`.
    Key::new("tenant", Text),
    Key::new("dialect", Text),
    Key::new("rate_per_second", Number),
    Key::new("pointers", Table(POINTERS)),
    Key::new(
        "auth",
        Table(&[
            Key::new("scheme", Text),
            Key::new("header", Text),
            Key::new("prefix", Text),
            Key::new("key_encoding", Text),
            Key::new("user", Text),
        ]),
    ),
    Key::new(
        "secrets",
        Tables(&[
            Key::new("id", Text),
            Key::new("value", Secret),
            Key::new("value_file", Text),
            Key::new("not_after", Time),
        ]),
    ),
    Key::new("addresses", Texts),
    Key::new("insecure", Flag).or("false"),
];

/// The name of the list of `[[rule]]` tables.
pub(in crate::config) const RULES: &str = "rule";

/// The keys of a `[[rule]]`.
const RULE: &[Key] = &[
    Key::new("name", Text),
    Key::new(
        "match",
        Table(&[
            Key::new("exact", Text),
            Key::new("contains", Text),
            Key::new("regex", Text),
            Key::new("any", Flag),
            // It may be somebody's number, which no output holds in full.
            Key::new("from", Secret),
        ]),
    ),
    Key::new("reply", Text),
    Key::new("forward", Texts),
];

/// The name of the list of `[[forward]]` tables.
pub(in crate::config) const FORWARDS: &str = "forward";

/// The keys of a `[[forward]]`. The name is what the others, and rules, find it by.
const FORWARD: &[Key] = &[
    Key::new("name", Text),
    Key::new("url", Target),
    Key::new("secret", Secret),
    Key::new("secret_file", Text),
    Key::new("allow_private", Flag).or("false"),
    Key::new("every_event", Flag).or("false"),
];

/// The keys of an endpoint's `pointers`: where the dialect `generic` finds what it reads.
const POINTERS: &[Key] = &[
    Key::new("type", Text),
    Key::new("reply_types", Texts),
    Key::new("report_types", Texts),
    Key::new("other_types", Texts),
    Key::new("message_id", Text),
    Key::new("from", Text),
    Key::new("to", Text),
    Key::new("text", Text),
    Key::new("reference", Text),
    Key::new("timestamp", Text),
    Key::new("status", Text),
    Key::new("status_code", Text),
    Key::new(
        "statuses",
        Table(&[
            Key::new("accepted", Texts),
            Key::new("expired", Texts),
            Key::new("undelivered", Texts),
            Key::new("rejected", Texts),
            Key::new("blocked", Texts),
            Key::new("delivered", Texts),
        ]),
    ),
    Key::new("gateway", Text),
];
