//! The sandbox over real HTTP, against the gateways' documents.

mod support;

mod connexus;
mod mobile_api_connect;
mod published_client;

mod control;
mod faults;
mod webhooks;

mod binary;
