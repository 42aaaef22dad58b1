//! An aligner for tidegate: every subtask of a source reads as many partitions.

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "aligner", generate_all });
}

use bindings::exports::tidegate::policy::alignment::Guest;
use bindings::tidegate::policy::observation::View;
use bindings::tidegate::policy::terms::{Applicant, Description, Metric};

struct Aligner;

impl Guest for Aligner {
    fn describe() -> Description {
        Description {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "divides the partitions of sources evenly".to_owned(),
        }
    }

    fn align(_: &View, applicant: Applicant, _: Vec<Metric>) -> Result<Option<u32>, String> {
        let Applicant { target, source_partitions, max_parallelism, lower_limit, upper_limit, .. } = applicant;
        if source_partitions == 0 {
            return Ok(None);
        }
        let (least, most) = (lower_limit.max(1), upper_limit.min(max_parallelism));
        let divides = |parallelism: &u32| source_partitions.is_multiple_of(*parallelism);
        // More subtasks than partitions have nothing to do.
        let above = (target..=most.min(source_partitions)).find(divides);
        let below = || (least..target).rev().find(divides);
        Ok(above.or_else(below))
    }
}

bindings::export!(Aligner with_types_in bindings);
