//! What the host does itself in a build, so that authors in C and Go need a compiler and nothing else: bindings from a
//! contract, and a component from a core module.

use std::error::Error;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use wasi_preview1_component_adapter_provider as adapter;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

use super::AuthorError;

/// Why a tool of WebAssembly's makers refused.
type Cause = Box<dyn Error + Send + Sync>;

/// Something that the host does to build a plugin. Paths are relative to its folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "host", rename_all = "kebab-case", deny_unknown_fields)]
pub enum HostStep {
    /// Writes what a program in a language needs to speak a contract.
    Bindings {
        /// What they are for.
        language: Generator,
        /// The folder of the contract.
        #[serde(default = "contract")]
        wit: PathBuf,
        /// The world that the plugin is made for.
        world: String,
        /// The folder that they are written into.
        into: PathBuf,
    },
    /// Makes a component of a core module. One that was compiled for WASI's preview 1 is led to WASI 0.2.
    Encode {
        /// The core module.
        core: PathBuf,
        /// The folder of the contract.
        #[serde(default = "contract")]
        wit: PathBuf,
        /// The world that the plugin is made for.
        world: String,
        /// The component.
        into: PathBuf,
    },
}

/// What bindings can be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Generator {
    /// C: a header and a source file, named after the world.
    C,
    /// Go: packages of a module `component`, in its folder `gen`; what the plugin exports is expected in packages beside it.
    Go,
}

fn contract() -> PathBuf {
    PathBuf::from("wit")
}

impl HostStep {
    /// What it is, for whoever waits for it.
    pub fn title(&self) -> String {
        match self {
            Self::Bindings { wit, into, .. } => format!("bindings of `{}` into `{}`", wit.display(), into.display()),
            Self::Encode { core, into, .. } => format!("component of `{}` into `{}`", core.display(), into.display()),
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// When a file cannot be read or written, the contract has no such world, or the module does not fit it.
    pub fn run(&self, folder: &Path) -> Result<(), AuthorError> {
        match self {
            Self::Bindings { language, wit, world, into } => {
                let (resolve, world) = select(&folder.join(wit), world)?;
                let files = language.bindings(resolve, world).map_err(|cause| self.failed(cause))?;
                for (name, bytes) in files.iter() {
                    let is_inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
                    if is_inside {
                        write(&folder.join(into).join(name), bytes)?;
                    }
                }
                Ok(())
            }
            Self::Encode { core, wit, world, into } => {
                let (resolve, world) = select(&folder.join(wit), world)?;
                let path = folder.join(core);
                let module = fs::read(&path).map_err(|source| AuthorError::Read { path, source })?;
                let component = encode(module, &resolve, world).map_err(|cause| self.failed(cause))?;
                write(&folder.join(into), &component)
            }
        }
    }

    fn failed(&self, source: Cause) -> AuthorError {
        AuthorError::Component { step: self.title(), source }
    }
}

impl Generator {
    fn bindings(self, mut resolve: Resolve, world: WorldId) -> Result<Files, Cause> {
        let mut generator: Box<dyn WorldGenerator> = match self {
            Self::C => {
                // What a call was lent has to be given back: the bindings do it.
                let autodrop_borrows = wit_bindgen_c::Enabled::Yes;
                wit_bindgen_c::Opts { autodrop_borrows, ..wit_bindgen_c::Opts::default() }.build()
            }
            Self::Go => {
                let package = |name: &str| Some(name.to_owned());
                let (pkg_name, export_pkg_name) = (package("component/gen"), package("component"));
                let format = wit_bindgen_go::Format::False;
                wit_bindgen_go::Opts { format, pkg_name, export_pkg_name, ..wit_bindgen_go::Opts::default() }.build()
            }
        };
        let mut files = Files::default();
        generator.generate(&mut resolve, world, &mut files)?;
        Ok(files)
    }
}

/// The world of a contract.
fn select(wit: &Path, world: &str) -> Result<(Resolve, WorldId), AuthorError> {
    let mut resolve = Resolve::default();
    let found = resolve.push_path(wit).and_then(|(package, _)| resolve.select_world(&[package], Some(world)));
    found
        .map(|world| (resolve, world))
        .map_err(|cause| AuthorError::World { path: wit.to_owned(), source: cause.into() })
}

fn encode(mut module: Vec<u8>, resolve: &Resolve, world: WorldId) -> Result<Vec<u8>, Cause> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)?;
    // The adapter is left out where nothing asks for it.
    let component = ComponentEncoder::default()
        .module(&module)?
        .adapter(adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
        .validate(true)
        .encode()?;
    Ok(component)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), AuthorError> {
    let failed = |source| AuthorError::Write { path: path.to_owned(), source };
    // Compilers take a file that has not changed for one that they know.
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}
