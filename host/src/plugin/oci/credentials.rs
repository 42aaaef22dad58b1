//! Who we are to a registry: what `docker login` wrote down, or a credential helper of Docker's knows.

use std::env;
use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use oci_client::secrets::RegistryAuth;

use super::OciError;

/// What Docker calls its own hub where credentials are kept.
const HUB: &str = "https://index.docker.io/v1/";

/// Docker's configuration: `config.json` in `$DOCKER_CONFIG`, else in `~/.docker`.
pub(super) fn docker_config() -> Option<PathBuf> {
    let of_variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = of_variable("DOCKER_CONFIG").or_else(|| of_variable("HOME").map(|home| home.join(".docker")));
    folder.map(|folder| folder.join("config.json"))
}

/// The credentials for a registry in Docker's configuration at `path`; nobody's where there are none. May run a helper:
/// not for async threads.
pub(super) fn credentials(registry: &str, path: &Path) -> Result<RegistryAuth, OciError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(RegistryAuth::Anonymous),
        Err(source) => return Err(OciError::CredentialsFile { path: path.to_owned(), source }),
    };
    let unusable =
        |reason: String| OciError::Credentials { registry: registry.to_owned(), path: path.to_owned(), reason };
    let key = if matches!(registry, "docker.io" | "index.docker.io") { HUB } else { registry };
    match get_credential_from_reader(BufReader::new(file), key) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(RegistryAuth::Basic(user, password)),
        Ok(DockerCredential::IdentityToken(_)) => Err(unusable(
            "they are an identity token, which is not supported: log in with a password or an access token".to_owned(),
        )),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(RegistryAuth::Anonymous),
        // A helper's way to say that it knows of none. What it writes is not shown: it could be a secret.
        Err(CredentialRetrievalError::HelperFailure { stdout, stderr, .. })
            if stdout.contains("credentials not found") || stderr.contains("credentials not found") =>
        {
            Ok(RegistryAuth::Anonymous)
        }
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            Err(unusable(format!("`docker-credential-{helper} get` fails")))
        }
        Err(error) => Err(unusable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn found(config: &str, registry: &str) -> Result<RegistryAuth, OciError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, config).unwrap();
        credentials(registry, &path)
    }

    #[test]
    fn what_docker_login_wrote_is_used_for_that_registry_only() {
        let auth = STANDARD.encode("me:pass:word");
        let config = format!(
            "{{\"auths\":{{\"r.io:5000\":{{\"auth\":\"{auth}\"}},\"https://index.docker.io/v1/\":{{\"auth\":\"{auth}\"}}}}}}"
        );
        let me = RegistryAuth::Basic("me".to_owned(), "pass:word".to_owned());
        for (registry, expected) in [
            ("r.io:5000", &me),
            ("r.io", &RegistryAuth::Anonymous),
            ("docker.io", &me),
            ("x.io", &RegistryAuth::Anonymous),
        ] {
            assert_eq!(found(&config, registry).unwrap(), *expected, "{registry}");
        }
    }

    #[test]
    fn without_a_login_we_are_nobody_and_damage_is_an_error() {
        assert_eq!(credentials("r.io", Path::new("/nowhere/config.json")).unwrap(), RegistryAuth::Anonymous);
        assert_eq!(found("{}", "r.io").unwrap(), RegistryAuth::Anonymous);
        for (config, words) in [
            ("{", "cannot be used"),
            ("{\"auths\":{\"r.io\":{\"auth\":\"!\"}}}", "decode"),
            ("{\"auths\":{\"r.io\":{\"identitytoken\":\"t0ken\"}}}", "identity token"),
            ("{\"credsStore\":\"of-nobody\"}", "helper"),
        ] {
            let error = found(config, "r.io").unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("t0ken"), "{config}: {error}");
        }
    }
}
