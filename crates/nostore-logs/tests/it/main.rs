//! What is found in logs, and what is not.

mod synth;
