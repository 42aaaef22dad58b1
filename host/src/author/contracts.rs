//! The contracts that the host carries, as a plugin's folder has them.

use super::PluginRole;
use crate::wit::{ALL, Package};

/// What is written into the folder of a plugin, by path: its own contract in `wit/`, what that uses in `wit/deps/`, as
/// the tools of every language find it.
pub fn files(role: PluginRole) -> Vec<(String, &'static str)> {
    let used = ["types", "host"];
    let packages = ALL.iter().filter(|package| package.name == role.package() || used.contains(&package.name));
    let path = |Package { name, .. }: &Package| match used.contains(name) {
        true => format!("wit/deps/{name}/{name}.wit"),
        false => format!("wit/{name}.wit"),
    };
    packages.map(|package| (path(package), package.text)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use wit_parser::Resolve;

    use super::*;

    #[test]
    fn a_folder_has_a_world_of_the_role_and_all_that_it_uses() {
        for role in PluginRole::ALL {
            let folder = tempfile::tempdir().unwrap();
            for (path, text) in files(role) {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let mut resolve = Resolve::default();
            let (package, _) = resolve.push_path(folder.path().join("wit")).unwrap();
            assert!(resolve.select_world(&[package], Some(role.name())).is_ok(), "{role}");
        }
    }
}
