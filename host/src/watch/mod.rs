//! Watching files: which of them have other content, by their content alone.
//!
//! - [`Watcher`]: one task and one inotify instance for all files
//! - `settle`: when a content may be told; pure, time is an argument
//! - `folders`: what the operating system tells about the folders that files are in
//! - `look`: what is at a path, read with care
//! - `whole`: whether a component is all there

mod folders;
mod look;
mod settle;
mod watcher;
mod whole;

pub use look::Found;
pub use settle::Pace;
pub use watcher::{Change, Kind, WatchOptions, Watched, Watcher};
