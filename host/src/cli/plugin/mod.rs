//! `tidegate plugin`: one file per subcommand, or per few that are alike.

mod card;
mod command;
mod list;
mod steer;

pub(super) use command::Plugin;
