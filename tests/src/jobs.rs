//! Made-up views of jobs of any size: those that `tidegate plugin bench` shows.

pub use tidegate::made_up::steady;
