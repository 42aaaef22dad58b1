//! The steps that make a component, and where it is put.

use std::fs;
use std::path::{Path, PathBuf};

use super::{AuthorError, Manifest, Step};

/// Builds the plugin in `folder`: the path of its component. `began` is told of each step before it.
///
/// # Errors
/// When a tool is missing, a step fails or makes nothing.
pub fn build(folder: &Path, manifest: &Manifest, mut began: impl FnMut(&Step)) -> Result<PathBuf, AuthorError> {
    for step in &manifest.build.steps {
        began(step);
        step.run(folder)?;
    }
    let artifact = folder.join(&manifest.build.artifact);
    if !artifact.is_file() {
        return Err(AuthorError::NoArtifact { path: artifact });
    }
    let output = manifest.output(folder);
    if output != artifact {
        put(&artifact, &output)?;
    }
    Ok(output)
}

/// A daemon may watch the output: it is there as a whole, or not at all.
fn put(artifact: &Path, output: &Path) -> Result<(), AuthorError> {
    let beside = output.with_extension("wasm.new");
    let failed = |source| AuthorError::Write { path: output.to_owned(), source };
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::copy(artifact, &beside).map_err(failed)?;
    fs::rename(&beside, output).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(script: &str) -> Manifest {
        let text = format!(
            "name = 'x'\nrole = 'policy'\nlang = 'c'\n[build]\nsteps = [{{ run = ['sh', '-c', '{script}'] }}]\n\
             artifact = 'made/x.wasm'\noutput = 'out/x.wasm'\n"
        );
        Manifest::parse(&text).unwrap()
    }

    #[test]
    fn what_the_steps_make_is_put_where_the_manifest_says() {
        let folder = tempfile::tempdir().unwrap();
        let mut steps = Vec::new();
        let built =
            build(folder.path(), &manifest("mkdir made; echo it > made/x.wasm"), |step| steps.push(step.title()));
        assert_eq!(fs::read_to_string(built.unwrap()).unwrap(), "it\n");
        assert_eq!(steps.len(), 1);
        assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 1, "nothing else stays");
    }

    #[test]
    fn steps_that_make_nothing_have_failed() {
        let folder = tempfile::tempdir().unwrap();
        let error = build(folder.path(), &manifest("true"), |_| ()).unwrap_err().to_string();
        assert!(error.starts_with("the build made no "), "{error}");
    }
}
