//! What a plugin is in a registry: a manifest, a configuration that says what the component imports and exports, and the
//! component as the one layer. The media types are those of the CNCF's TAG Runtime for WebAssembly.

use oci_client::client::{Config, ImageLayer};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest, OciManifest};
use serde::Serialize;

use super::{Interfaces, OciError};
use crate::model::Digest;
use crate::plugin::ByteSize;

/// Of the manifest.
pub(super) const MANIFEST: &str = OCI_IMAGE_MEDIA_TYPE;

/// Of the configuration.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// Of the component.
const COMPONENT: &str = "application/wasm";

/// The most that a component may have: three times what the largest of Python have.
pub(super) const LARGEST_COMPONENT: ByteSize = ByteSize(64 << 20);

/// The most that a manifest may have: what registries take.
pub(super) const LARGEST_MANIFEST: ByteSize = ByteSize(4 << 20);

/// What the configuration says of a component.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WasmConfig<'a> {
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [String; 1],
    component: Component<'a>,
}

#[derive(Serialize)]
struct Component<'a> {
    exports: &'a [String],
    imports: &'a [String],
    target: Option<String>,
}

/// The parts of an artifact, ready to be pushed.
pub(super) struct Parts {
    pub(super) layer: ImageLayer,
    pub(super) config: Config,
    pub(super) manifest: OciImageManifest,
    /// The manifest's bytes, whose digest is what a reference is pinned to.
    pub(super) bytes: Vec<u8>,
}

/// How a digest is written in a registry.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", Digest::of(bytes))
}

/// Makes an artifact of a component. The same component always makes the same artifact, bit for bit.
pub(super) fn parts(component: Vec<u8>, interfaces: &Interfaces) -> Result<Parts, serde_json::Error> {
    let config = WasmConfig {
        // Any other time would give the same component another digest.
        created: "1970-01-01T00:00:00Z",
        architecture: "wasm",
        os: "wasip2",
        layer_digests: [digest(&component)],
        component: Component { exports: &interfaces.exports, imports: &interfaces.imports, target: None },
    };
    let config = Config::new(serde_json::to_vec(&config)?, CONFIG.to_owned(), None);
    let layer = ImageLayer::new(component, COMPONENT.to_owned(), None);
    let manifest = OciImageManifest::build(std::slice::from_ref(&layer), &config, None);
    let manifest = OciImageManifest { media_type: Some(MANIFEST.to_owned()), ..manifest };
    let bytes = serde_json::to_vec(&OciManifest::Image(manifest.clone()))?;
    Ok(Parts { layer, config, manifest, bytes })
}

/// Where the component of an artifact is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layer {
    /// Of its bytes.
    pub(super) digest: String,
    /// How many they are.
    pub(super) size: u64,
}

/// Finds the component in a manifest.
pub(super) fn layer(manifest: &[u8]) -> Result<Layer, OciError> {
    let not_a_plugin = |reason: String| OciError::NotAPlugin { reason };
    let manifest: OciManifest = serde_json::from_slice(manifest)
        .map_err(|error| not_a_plugin(format!("its manifest cannot be read: {error}")))?;
    let OciManifest::Image(OciImageManifest { layers, .. }) = manifest else {
        return Err(not_a_plugin("it is an index of artifacts for several platforms".to_owned()));
    };
    let [layer] = layers.as_slice() else {
        return Err(not_a_plugin(format!("it has {} layers instead of one, as images have", layers.len())));
    };
    if layer.media_type != COMPONENT {
        return Err(not_a_plugin(format!("its layer is `{}`, not `{COMPONENT}`", layer.media_type)));
    }
    let size = u64::try_from(layer.size).map_err(|_| not_a_plugin("its layer has a negative size".to_owned()))?;
    if size > LARGEST_COMPONENT.0 as u64 {
        return Err(OciError::TooLarge { what: "component", found: size, limit: LARGEST_COMPONENT });
    }
    Ok(Layer { digest: layer.digest.clone(), size })
}

/// That `found` is what a digest names.
pub(super) fn verify(what: &'static str, bytes: &[u8], expected: &str) -> Result<(), OciError> {
    let found = digest(bytes);
    if found == expected {
        return Ok(());
    }
    Err(OciError::Tampered { what, expected: expected.to_owned(), found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interfaces() -> Interfaces {
        let exports = vec!["tidegate:policy/policy@0.1.0".to_owned()];
        Interfaces { exports, imports: vec!["tidegate:host/log@0.1.0".to_owned()] }
    }

    #[test]
    fn an_artifact_has_the_media_types_of_webassembly_and_is_the_same_every_time() {
        let made = parts(b"component".to_vec(), &interfaces()).unwrap();
        assert_eq!(made.bytes, parts(b"component".to_vec(), &interfaces()).unwrap().bytes);
        let manifest: serde_json::Value = serde_json::from_slice(&made.bytes).unwrap();
        assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
        assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
        let config: serde_json::Value = serde_json::from_slice(&made.config.data).unwrap();
        assert_eq!((&config["architecture"], &config["os"]), (&"wasm".into(), &"wasip2".into()));
        assert_eq!(config["layerDigests"][0], digest(b"component"));
        assert_eq!(config["component"]["exports"][0], "tidegate:policy/policy@0.1.0");
        assert_eq!(config["component"]["imports"][0], "tidegate:host/log@0.1.0");
        let found = layer(&made.bytes).unwrap();
        assert_eq!(found, Layer { digest: digest(b"component"), size: 9 });
    }

    #[test]
    fn what_is_no_plugin_is_told_apart() {
        let manifest = |layers: &str| {
            format!(
                "{{\"schemaVersion\":2,\"config\":{{\"mediaType\":\"c\",\"digest\":\"sha256:0\",\"size\":2}},\
                 \"layers\":[{layers}]}}"
            )
        };
        let of =
            |kind: &str, size: i64| format!("{{\"mediaType\":\"{kind}\",\"digest\":\"sha256:0\",\"size\":{size}}}");
        let wasm = "application/wasm";
        for (text, words) in [
            ("<html>".to_owned(), "cannot be read"),
            (manifest(""), "0 layers"),
            (manifest(&format!("{},{}", of(wasm, 1), of(wasm, 1))), "2 layers"),
            (manifest(&of("application/vnd.oci.image.layer.v1.tar+gzip", 1)), "tar+gzip"),
            (manifest(&of(wasm, -1)), "negative"),
            (manifest(&of(wasm, (64 << 20) + 1)), "67108865 bytes"),
            ("{\"schemaVersion\":2,\"manifests\":[]}".to_owned(), "index"),
        ] {
            let error = layer(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
