//! Piston's limits: six numbers, with its own messages.

use serde_json::Value;

use super::{Message, wrong};
use crate::app::App;
use crate::limit::Limits;

/// Its limits of the run step, and of the compile step.
pub(super) fn limits(body: &Value, app: &App) -> Result<(Limits, Limits), Message> {
    let (mut run, mut compile) = (Limits::default(), Limits::default());
    let most = [app.workshop.most_to_compile(), app.workshop.most()];
    // In Piston's order, so that the first message is Piston's.
    for constraint in ["memory_limit", "timeout", "cpu_time"] {
        for (step, most) in ["compile", "run"].into_iter().zip(most) {
            let limits = if step == "run" { &mut run } else { &mut compile };
            let name = format!("{step}_{constraint}");
            let (place, most, unit) = match constraint {
                "memory_limit" => (&mut limits.memory_bytes, most.memory_bytes, 1),
                "timeout" => (&mut limits.wall_us, most.wall_us, 1000),
                _ => (&mut limits.cpu_us, most.cpu_us, 1000),
            };
            // To have no limit of memory is to have the operator's.
            let is_lifted = |amount: f64| amount == -1.0 && constraint == "memory_limit";
            let most = most.map(|most| most / unit);
            *place = amount(&body[&name], &name, most, is_lifted)?.map(|amount| amount.saturating_mul(unit));
        }
    }
    Ok((run, compile))
}

fn amount(
    value: &Value,
    name: &str,
    most: Option<u64>,
    is_lifted: impl Fn(f64) -> bool,
) -> Result<Option<u64>, Message> {
    if value.is_null() || value == 0 || value == "" || value == false {
        return Ok(None);
    }
    let Some(number) = value.as_f64() else {
        return Err(wrong(format!("If specified, {name} must be a number")));
    };
    if is_lifted(number) {
        return Ok(None);
    }
    if let Some(most) = most.filter(|most| number > *most as f64) {
        return Err(wrong(format!("{name} cannot exceed the configured limit of {most}")));
    }
    if number < 0.0 {
        return Err(wrong(format!("{name} must be non-negative")));
    }
    // At least the smallest amount that is one.
    Ok(Some((number as u64).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(value: Value) -> Result<Option<u64>, String> {
        amount(&value, "run_timeout", Some(3000), |amount| amount == -1.0).map_err(|Message(_, text)| text)
    }

    #[test]
    fn amounts_have_pistons_messages() {
        assert_eq!([json!(null), json!(0), json!(-1)].map(said), [Ok(None), Ok(None), Ok(None)]);
        assert_eq!([json!(3000), json!(0.5)].map(said), [Ok(Some(3000)), Ok(Some(1))]);
        for (value, message) in [
            (json!("3"), "If specified, run_timeout must be a number"),
            (json!(3001), "run_timeout cannot exceed the configured limit of 3000"),
            (json!(-2), "run_timeout must be non-negative"),
        ] {
            assert_eq!(said(value), Err(message.to_owned()));
        }
    }
}
