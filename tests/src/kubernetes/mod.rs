//! A double of the Kubernetes API server: no real one can be had from the registries that tests may use.
//!
//! What it checks, as the real one does: TLS with an authority of its own, tokens and client certificates (401), what an
//! account may do (403), namespaces and objects that are not there (404), names that are taken and versions that are old
//! (409), names, labels, keys and the 1 MiB of data of a ConfigMap, the form of events (422), and how long a request may be
//! (413). It creates, reads, lists page by page, merges patches and deletes with preconditions, and answers with metadata
//! only where it is asked to. What it does not know: watches, managed fields, owners, schemas, other patches.

mod client;
mod http;
mod objects;
mod server;

pub use client::Client;
pub use objects::{Objects, Request, Write};
pub use server::ApiServer;
