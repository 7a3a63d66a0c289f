//! Whole nodes, simulated: a store that fails and crashes ([`faults`]), receivers that misbehave, a clock that
//! jumps ([`clock`]), people, apps and an operator who keep them busy ([`world`]), and the few lines that say
//! what must have happened ([`model`]). One seed is one story, the same each time; `src/bin/sim.rs` tells many.

pub mod clock;
pub mod faults;
pub mod model;
pub mod operator;
pub mod people;
pub mod receivers;
pub mod record;
pub mod settings;
pub mod world;
