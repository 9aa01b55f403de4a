//! What must hold of a model's reply before we stand behind it. The one home of these checks: answers pass through
//! them, and `evaluate` scores with them. All pure.

pub mod advice;
pub mod citations;
pub mod commands;
pub mod length;
pub mod markup;
pub mod masked;
pub mod permissions;
pub mod secrets;
pub mod sources;
pub mod support;
pub mod title;
