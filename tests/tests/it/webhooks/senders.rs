//! Senders that post new webhooks at a steady rate, and remember what they were told of each.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::fixture::{delivered, http};

/// Longer than any answer may take.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Message ids by what their sender was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// 200: it must be on the stream in the end.
    pub(crate) acknowledged: HashSet<String>,
    /// 503: the sender keeps it.
    pub(crate) refused: HashSet<String>,
    /// No answer, since the process died: it may be on the stream or not.
    pub(crate) unanswered: HashSet<String>,
    /// No answer within [`ANSWER_WITHIN`] from a process that lived.
    pub(crate) late: HashSet<String>,
}

pub(crate) struct Senders {
    told: Arc<Mutex<Told>>,
    ended: Arc<AtomicBool>,
    running: JoinSet<()>,
}

impl Senders {
    /// Posts to `url` so many times a second, until it is stopped.
    pub(crate) fn start(url: &str, per_second: u32) -> Self {
        const SENDERS: u32 = 20;
        let (told, ended) = (Arc::<Mutex<Told>>::default(), Arc::<AtomicBool>::default());
        let mut running = JoinSet::new();
        for sender in 0..SENDERS {
            let (http, url) = (http(), url.to_owned());
            let (told, ended) = (Arc::clone(&told), Arc::clone(&ended));
            running.spawn(async move {
                let mut ticks = interval(Duration::from_secs(1) * SENDERS / per_second);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                for number in 0.. {
                    ticks.tick().await;
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                    let message = format!("sent-{sender}-{number}");
                    let request = http.post(&url).timeout(ANSWER_WITHIN).body(delivered(&message));
                    let answer = request.send().await;
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    match answer {
                        Ok(answer) if answer.status() == 200 => told.acknowledged.insert(message),
                        Ok(answer) if answer.status() == 503 => told.refused.insert(message),
                        Ok(answer) => panic!("answered with {}", answer.status()),
                        Err(error) if error.is_timeout() => told.late.insert(message),
                        Err(_) => told.unanswered.insert(message),
                    };
                }
            });
        }
        Self { told, ended, running }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.so_far().acknowledged.len()
    }

    pub(crate) fn so_far(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn stop(self) -> Told {
        self.ended.store(true, Ordering::Relaxed);
        self.running.join_all().await;
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
