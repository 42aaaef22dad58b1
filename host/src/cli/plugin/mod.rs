//! `tidegate plugin`: one file per subcommand, or per few that are alike.

mod bench;
mod build;
mod card;
mod check;
mod command;
mod contracts;
mod inspect;
mod list;
mod new;
mod push;
mod steer;
mod test;
mod watching;

pub(super) use command::Plugin;
