//! What the measurements are made of: one request, one token, and everybody who decides about them.
//!
//! # Invariants
//!
//! - Everybody gets the same token, signed by the same key, and must accept it.
//! - Nothing is reached over a network.

pub mod allocations;
pub mod measure;
pub mod node;
pub mod others;
pub mod ours;
pub mod program;
pub mod protected;
pub mod smithy;
pub mod world;

#[global_allocator]
static COUNTING: allocations::Counting = allocations::Counting;
