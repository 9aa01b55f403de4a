//! What `serve` does at SIGHUP: it reads its configuration again, all of it or nothing, and takes up what a running server
//! can. Nothing is ended for it, neither a connection nor a stream.

use crate::{
    config::{Config, ConfigError, LIVE_KEYS},
    http::{AppState, tls::Tls},
};
use std::collections::BTreeSet;

/// Reads the configuration as it was read at the start.
pub type Load = Box<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// A server's configuration, and the way to a newer one.
pub struct Reloading {
    load: Load,
    /// The configuration that it was started with: keys that need a restart keep its values.
    started: Config,
    /// The configuration that was read last.
    last: Config,
    tls: Option<Tls>,
    state: AppState,
}

/// The changed keys, by their effect.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The keys whose new values are in use.
    pub taken_up: BTreeSet<String>,
    /// The keys that keep their values until the server is started again.
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
            // A missing line must not open a server that has so far asked for tokens.
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
