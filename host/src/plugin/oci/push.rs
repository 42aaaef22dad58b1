//! From a component to an artifact that others can pin.

use super::connection::{Connection, within};
use super::{Interfaces, OciError, OciReference, artifact};

/// An artifact that was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Where it is, pinned to what was pushed.
    pub reference: OciReference,
    /// What it imports and exports.
    pub interfaces: Interfaces,
}

/// Pushes a plugin under a tag.
///
/// # Errors
/// When it is no plugin, or the registry does not take it.
pub async fn push(reference: &OciReference, component: Vec<u8>) -> Result<Pushed, OciError> {
    reference.must_be_tagged()?;
    if component.len() > artifact::LARGEST_COMPONENT.0 {
        let (found, limit) = (component.len() as u64, artifact::LARGEST_COMPONENT);
        return Err(OciError::TooLarge { what: "component", found, limit });
    }
    let interfaces = Interfaces::of(&component)?;
    let parts = artifact::parts(component, &interfaces)
        .map_err(|error| OciError::NotAPlugin { reason: format!("it cannot be described: {error}") })?;
    let pinned = reference.pinned_to(artifact::digest(&parts.bytes));
    within(reference, async { Connection::new(reference).await?.push(parts).await }).await?;
    Ok(Pushed { reference: pinned, interfaces })
}
