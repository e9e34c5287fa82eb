//! What the operator is told of a queue that does not work.

use serde_json::json;

use crate::journal;

/// A queue that does not work is told of once, and once when it works again.
pub(crate) struct Trouble {
    server: String,
    is_known: bool,
}

impl Trouble {
    pub(crate) fn new(server: &str) -> Trouble {
        // It may have a password in it.
        let server = server.rsplit_once('@').map_or(server, |(_, place)| place);
        Trouble { server: server.to_owned(), is_known: false }
    }

    pub(crate) fn tell(&mut self, why: &str) {
        if !self.is_known {
            journal::tell(&json!({ "queue": self.server, "error": why }));
        }
        self.is_known = true;
    }

    pub(crate) fn is_over(&mut self) {
        if self.is_known {
            journal::tell(&json!({ "queue": self.server, "state": "works again" }));
        }
        self.is_known = false;
    }
}
