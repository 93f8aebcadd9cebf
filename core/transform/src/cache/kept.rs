//! Renditions as things of the shelf, by their keys alone.

use std::io;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use store::{Kept, RenditionKey, Source};

use super::Cache;
use crate::recipe::Key;

impl Kept for Cache {
    fn open_kept(&self, key: RenditionKey) -> BoxFuture<'_, io::Result<Option<Source>>> {
        let made = async move { self.get(Key::from_bytes(*key.as_bytes())).await };
        made.map(|made| made.map(|made| made.map(|made| made.source)).map_err(io::Error::other)).boxed()
    }
}
