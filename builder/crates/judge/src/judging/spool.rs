//! Reports of runs, on disk until the judgement is written: those of ten thousand tests would take as many megabytes of
//! memory as they have.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::scratch::scratch;

/// A file without a name.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    end: AtomicU64,
}

/// A JSON value in it.
#[derive(Debug, Clone)]
pub struct Json {
    spool: Arc<Spool>,
    at: u64,
    length: usize,
}

impl Spool {
    pub(super) fn new() -> Result<Arc<Spool>, String> {
        Ok(Arc::new(Spool { file: scratch()?, end: AtomicU64::new(0) }))
    }

    /// Keeps a value. An error is the host's.
    pub(super) fn put(self: &Arc<Self>, value: &impl Serialize) -> Result<Json, String> {
        let text = serde_json::to_string(value).map_err(|error| error.to_string())?;
        let at = self.end.fetch_add(text.len() as u64, Ordering::Relaxed);
        let kept = self.file.write_all_at(text.as_bytes(), at);
        kept.map_err(|error| format!("a report cannot be kept: {error}"))?;
        Ok(Json { spool: Arc::clone(self), at, length: text.len() })
    }
}

impl Json {
    fn text(&self) -> io::Result<String> {
        let mut bytes = vec![0; self.length];
        self.spool.file.read_exact_at(&mut bytes, self.at)?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Json) -> bool {
        self.text().ok() == other.text().ok()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.text().map_err(S::Error::custom)?).map_err(S::Error::custom)?.serialize(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_kept_is_written_as_it_was() {
        let spool = Spool::new().unwrap();
        let [one, two] =
            [json!({ "signal": 9, "status": "ok" }), json!([1.5])].map(|value| spool.put(&value).unwrap());
        assert_eq!(serde_json::to_string(&[&two, &one]).unwrap(), r#"[[1.5],{"signal":9,"status":"ok"}]"#);
        assert!(one == one.clone() && one != two);
    }
}
