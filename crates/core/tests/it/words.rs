//! The words of the model: the rules it follows, what it is asked and what it answers.

/// Where a code belongs: a purpose, and a session or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) purpose: u8,
    pub(crate) session: Option<u8>,
}

/// Names a send, a check or a redemption, so that its repeat is recognised.
pub(crate) type Id = u64;

/// The rules. Times are in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) lifetime: u64,
    pub(crate) guesses: u8,
    /// A live code is sent again while this much of its life is left.
    pub(crate) resend_min_left: u64,
    pub(crate) remember_used: u64,
    pub(crate) receipt_lifetime: u64,
    /// Live codes of different sessions for one purpose.
    pub(crate) sessions: usize,
    /// Waits after the first, second, … send, and the quiet time that starts them again.
    pub(crate) ladder: Vec<u64>,
    pub(crate) quiet: u64,
    /// So many sends in any such time.
    pub(crate) windows: Vec<(u8, u64)>,
    /// How long the last send is known by its id.
    pub(crate) sends_remembered: u64,
    /// Failures in a row that lock the phone, and those after which a session waits.
    pub(crate) ceiling: u8,
    pub(crate) free: u8,
    pub(crate) first_wait: u64,
    pub(crate) longest_wait: u64,
    pub(crate) forget_after: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SendAnswer {
    Granted { same: bool, repeated: bool, expires_in: u64, next_send_in: u64, sends_left: u32 },
    CoolDown { wait: u64 },
    Window { wait: u64 },
    Sessions { wait: u64 },
    Locked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Sent,
    NotSent,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VerifyAnswer {
    Right,
    Wrong {
        left: u8,
    },
    Exhausted {
        wait: u64,
    },
    /// No wait: until an operator unlocks.
    Throttled {
        wait: Option<u64>,
    },
    AlreadyUsed,
    Absent,
}

/// A guess as the engine sees it: the digits, who makes it, and perhaps the handle of the send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guess {
    pub(crate) digits: u32,
    pub(crate) handle: Option<u32>,
    pub(crate) id: Id,
}

/// What an operator sees of a phone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Failures in a row, by purpose.
    pub(crate) failures: Vec<(u8, u8)>,
    /// Purpose, whether in a session, whether used, guesses left; sorted.
    pub(crate) codes: Vec<(u8, bool, bool, u8)>,
}
