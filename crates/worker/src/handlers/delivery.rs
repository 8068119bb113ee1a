//! Delivery reports.

use async_trait::async_trait;
use jiff::Timestamp;
use textproof::{
    delivery::Deliveries,
    event::{Content, Event},
};

use crate::{Handler, HandlerError};

/// Joins delivery reports with the sends they are about; the highest status seen wins.
#[derive(Debug)]
pub struct MergeDeliveryReports {
    deliveries: Deliveries,
}

impl MergeDeliveryReports {
    /// Merges into these records.
    #[must_use]
    pub fn new(deliveries: Deliveries) -> Self {
        Self { deliveries }
    }
}

#[async_trait]
impl Handler for MergeDeliveryReports {
    fn name(&self) -> &'static str {
        "delivery"
    }

    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let Content::DeliveryReport(report) = &event.content else {
            return Ok(());
        };
        let recorded = self.deliveries.merge(report, Timestamp::now()).await?;
        tracing::info!(
            event = %event.id, status = ?recorded.status, raised = recorded.raised, joined = recorded.joined,
            "delivery report merged"
        );
        metrics::counter!(
            "textproof_worker_delivery_reports_total",
            "raised" => if recorded.raised { "yes" } else { "no" }
        )
        .increment(1);
        Ok(())
    }
}
