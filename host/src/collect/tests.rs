//! Collection against the reference's vectors and a cluster that can be told what to answer.

mod cluster;
mod passes;
mod vectors;
