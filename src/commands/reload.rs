//! What `serve` does at SIGHUP: it reads its configuration again, all of it or nothing, and takes up what a running server
//! can. Nothing is ended for it, neither a connection nor a stream.

use crate::{
    config::{Config, ConfigError, LIVE_KEYS},
    http::{AppState, tls::Tls},
};
use std::collections::BTreeSet;

/// Reads the configuration as it was read at the start.
pub type Load = Box<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// What a server goes by, and how to learn of something newer.
pub struct Reloading {
    load: Load,
    /// What it was started with: what needs a restart stays as it is there.
    started: Config,
    /// What was read last.
    last: Config,
    tls: Option<Tls>,
    state: AppState,
}

/// What became of the keys that changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Those with new values in use.
    pub taken_up: BTreeSet<String>,
    /// Those that stay as they were until the server is started again.
    pub need_restart: BTreeSet<String>,
}

impl Reloading {
    /// For a server that runs.
    pub fn new(load: Load, started: &Config, tls: Option<Tls>, state: AppState) -> Self {
        Self { load, started: started.clone(), last: started.clone(), tls, state }
    }

    /// Reads everything again. After an error nothing has changed. Blocks.
    pub fn again(&mut self) -> anyhow::Result<Taken> {
        let mut new = (self.load)()?;
        let new_tls = new.server.tls.clone().map(Tls::load).transpose()?;
        let is_live = |key: &String| LIVE_KEYS.contains(&key.as_str());
        let mut taken = Taken {
            taken_up: self.last.differences(&new).into_iter().filter(is_live).collect(),
            need_restart: self.started.differences(&new).into_iter().filter(|key| !is_live(key)).collect(),
        };
        match (&self.tls, &new_tls) {
            (Some(tls), Some(new)) => tls.become_as(new),
            (None, None) => {}
            // The port speaks one of the two.
            _ => taken.leave(&["server.tls_cert", "server.tls_key"]),
        }
        let tokens = &self.state.settings().tokens;
        if new.server.tokens.current().is_empty() && !tokens.current().is_empty() {
            // Who has so far needed a token must not find everything open for a line that is missing.
            new.server.tokens = tokens.clone();
            taken.leave(&["tokens_file"]);
        }
        self.state.take_up(new.server.clone());
        self.last = new;
        Ok(taken)
    }

    /// The same, told to the log.
    pub fn told(&mut self) {
        match self.again() {
            Ok(Taken { taken_up, need_restart }) => {
                let listed =
                    |keys: &BTreeSet<String>| Vec::from_iter(keys.iter().map(String::as_str)).join(", ");
                let taken_up = listed(&taken_up);
                tracing::info!(taken_up, "SIGHUP: configuration, tokens and certificate were read again");
                if !need_restart.is_empty() {
                    let keys = listed(&need_restart);
                    tracing::warn!(keys, "SIGHUP: these changed and stay as they were until the next start");
                }
            }
            Err(error) => tracing::error!(
                error = super::chain(error.as_ref()),
                "SIGHUP: the configuration cannot be used; everything stays as it was"
            ),
        }
    }
}

impl Taken {
    fn leave(&mut self, keys: &[&str]) {
        let left = keys.iter().filter_map(|key| self.taken_up.take(*key));
        self.need_restart.extend(left.collect::<Vec<_>>());
    }
}
