//! Pages in, documents out; and a site on this machine, which replies as Confluence does.

mod attached;
mod documents;
mod exports;
mod live;
mod site;
