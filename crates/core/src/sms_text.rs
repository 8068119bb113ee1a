//! What a text message costs, and whether phones will find the code in it.
//!
//! Pure: no clock, no store, no gateway. [`segments`] counts parts as networks bill them (3GPP TS 23.038 and
//! TS 23.040); [`lint`] looks at a text with a code in it as phones and browsers do.
//!
//! ```
//! use textproof::sms_text::{Encoding, Severity, lint, segments};
//!
//! assert_eq!(segments("Kia ora").encoding, Encoding::Gsm7);
//! assert_eq!(segments("Māori").encoding, Encoding::Ucs2);
//!
//! let report = lint("482174 is your MyApp verification code.\n@app.example.com #482174\n");
//! let errors = report.findings.iter().filter(|finding| finding.severity() == Severity::Error);
//! // One line break too many: browsers look at the last line, and it is empty now.
//! assert_eq!(errors.map(|finding| finding.as_str()).collect::<Vec<_>>(), ["origin_bound_not_last"]);
//! ```

mod alphabet;
mod finding;
mod hidden;
mod link;
mod linter;
mod origin_bound;
mod segments;

pub use self::{
    finding::{Finding, Severity},
    linter::{Report, lint},
    origin_bound::is_bare_host,
    segments::{Encoding, Segments, segments},
};
pub(crate) use self::{
    hidden::{is_bidi_control, is_line_break_or_control},
    link::contains_link,
};
