//! The operator's file.

use std::fs;
use std::path::Path;

use bundle::FileError;
use toml::{Table, Value};

use super::Settings;
use super::tenants::Tenants;
use crate::error::Error;

/// The table that is not one of settings.
const TENANTS: &str = "tenants";

/// Reads it over what is set already.
pub(super) fn read(path: &Path, settings: &mut Settings) -> Result<(), Error> {
    let fail = |what: String| Error::Setting { origin: format!("`{}`", path.display()), what };
    let text = fs::read_to_string(path).map_err(|error| FileError::read(path, error))?;
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| fail(first_line(&error)))?;
    if let Some(tenants) = table.remove(TENANTS) {
        settings.tenants = Tenants::read(tenants).map_err(&fail)?;
    }
    set_all("", table, settings).map_err(fail)
}

/// `limit.cpu-time` is the key of `cpu-time` in the table `limit`.
fn set_all(prefix: &str, table: Table, settings: &mut Settings) -> Result<(), String> {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => set_all(&format!("{key}."), inner, settings)?,
            Value::String(text) => settings.set(&key, &text)?,
            Value::Integer(number) => settings.set(&key, &number.to_string())?,
            Value::Boolean(is_so) => settings.set(&key, if is_so { "yes" } else { "no" })?,
            _ => return Err(format!("`{key}` is neither a text nor a number")),
        }
    }
    Ok(())
}

fn first_line(error: &toml::de::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned() + ": " + error.message()
}
