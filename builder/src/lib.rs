//! builder

pub mod closure;
