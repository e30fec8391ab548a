//! The module of a page, as the sample site serves it: files that are the same for everybody.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::http::header;
use axum::routing::get;
use bytes::Bytes;

/// Short, because it is built anew while one works on it.
const CACHE_CONTROL: &str = "public, max-age=60";

/// Where `cargo xtask browser` puts it, below the folder of everything that is built.
const FOLDER: &str = "browser";

/// What the folder holds, with its media types.
const FILES: [(&str, &str); 3] = [
    ("nostore.js", "text/javascript; charset=utf-8"),
    ("nostore.d.ts", "text/plain; charset=utf-8"),
    ("nostore.wasm", "application/wasm"),
];

/// The files, and what pages start the module with.
#[derive(Clone, Debug)]
pub struct Module {
    files: Vec<(&'static str, &'static str, Bytes)>,
    pub(crate) publishable_key: String,
    pub(crate) frontend_api: String,
}

impl Module {
    /// Finds the folder beside a program that was built here: in one of the folders around it.
    #[must_use]
    pub fn beside(program: &Path) -> Option<PathBuf> {
        let folders = program.ancestors().skip(1).take(3).map(|folder| folder.join(FOLDER));
        folders.into_iter().find(|folder| FILES.iter().all(|(name, _)| folder.join(name).is_file()))
    }

    /// Reads the files of a folder.
    ///
    /// # Errors
    ///
    /// Names the file that cannot be read.
    pub(crate) fn read(
        folder: &Path,
        publishable_key: &str,
        frontend_api: String,
    ) -> Result<Self, (PathBuf, std::io::Error)> {
        let read = |(name, media_type): (&'static str, &'static str)| {
            let path = folder.join(name);
            match std::fs::read(&path) {
                Ok(bytes) => Ok((name, media_type, Bytes::from(bytes))),
                Err(error) => Err((path, error)),
            }
        };
        let files = FILES.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { files, publishable_key: publishable_key.to_owned(), frontend_api })
    }

    /// Serves the files below `/_nostore`.
    pub(crate) fn routes(&self) -> Router {
        self.files.iter().fold(Router::new(), |router, (name, media_type, bytes)| {
            let fields = [(header::CONTENT_TYPE, *media_type), (header::CACHE_CONTROL, CACHE_CONTROL)];
            let bytes = bytes.clone();
            router.route(&format!("/_nostore/{name}"), get(move || async move { (fields, bytes) }))
        })
    }
}
