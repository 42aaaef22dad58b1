//! The contracts as a page to look things up in, made of their own words.

use std::fmt::{self, Write};

use wit_parser::{
    Docs, Function, FunctionKind, Handle, Interface, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner,
};

use crate::wit::{ALL, Package};

/// What stands before the reference.
const INTRODUCTION: &str = "\
# Contracts

Everything that passes between the host and a plugin, item by item. This page is made of the documentation in
[`wit/`](../wit) by `tidegate plugin contracts`, and a test keeps it so. How the contracts change, which versions are served
side by side, and what a plugin can be granted, is in [`wit/README.md`](../wit/README.md). How to write a plugin is in
[write-a-plugin.md](write-a-plugin.md).

A component carries the version that it was built against in the names of its imports and exports, such as
`tidegate:policy/scaling@0.1.0`. Lists of vertices, and columns of metrics, are all in the view's order.
";

/// The reference of all contracts, in Markdown.
///
/// # Errors
/// When a contract cannot be read, which a test rules out: the parser's words.
pub fn reference() -> Result<String, String> {
    let mut resolve = Resolve::default();
    for Package { name, text } in ALL {
        resolve.push_str(format!("{name}.wit"), text).map_err(|error| error.to_string())?;
    }
    let mut page = INTRODUCTION.to_owned();
    for package in ALL {
        // Writing to a text does not fail.
        Reference(&resolve).package(&mut page, package).map_err(|error| error.to_string())?;
    }
    Ok(page)
}

struct Reference<'a>(&'a Resolve);

impl Reference<'_> {
    fn package(&self, page: &mut String, package: Package) -> fmt::Result {
        let found = self.0.packages.iter().find(|(_, found)| found.name.name == package.name);
        let Some((id, found)) = found else { return Ok(()) };
        writeln!(page, "\n## `{}`", found.name)?;
        for (_, world) in self.0.worlds.iter().filter(|(_, world)| world.package == Some(id)) {
            writeln!(page, "\n### World `{}`\n", world.name)?;
            docs(page, &world.docs)?;
            let names = |items: Vec<String>| items.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
            let imports = world.imports.keys().map(|key| self.0.name_world_key(key)).collect();
            let exports = world.exports.keys().map(|key| self.0.name_world_key(key)).collect();
            writeln!(page, "A plugin exports {}. It may import {}.", names(exports), names(imports))?;
        }
        for (_, interface) in self.0.interfaces.iter().filter(|(_, interface)| interface.package == Some(id)) {
            self.interface(page, interface)?;
        }
        Ok(())
    }

    fn interface(&self, page: &mut String, interface: &Interface) -> fmt::Result {
        let Some(name) = &interface.name else { return Ok(()) };
        writeln!(page, "\n### Interface `{name}`\n")?;
        docs(page, &interface.docs)?;
        for (name, id) in &interface.types {
            let Some(definition) = self.0.types.get(*id) else { continue };
            if !self.is_used_from_elsewhere(definition) {
                self.definition(page, interface, name, *id, definition)?;
            }
        }
        for function in interface.functions.values().filter(|it| it.kind == FunctionKind::Freestanding) {
            writeln!(page, "\n#### `{}`\n", self.signature(&function.name, function, 0))?;
            docs(page, &function.docs)?;
        }
        Ok(())
    }

    /// Whether it only stands for a type of another interface.
    fn is_used_from_elsewhere(&self, definition: &TypeDef) -> bool {
        let TypeDefKind::Type(Type::Id(id)) = definition.kind else { return false };
        let owner = self.0.types.get(id).map(|it| it.owner);
        owner.is_some_and(|owner| owner != definition.owner && matches!(owner, TypeOwner::Interface(_)))
    }

    fn definition(
        &self,
        page: &mut String,
        interface: &Interface,
        name: &str,
        id: TypeId,
        definition: &TypeDef,
    ) -> fmt::Result {
        let word = match &definition.kind {
            TypeDefKind::Type(alias) => format!("type {name} = {}", self.word(*alias)),
            kind => format!("{} {name}", kind.as_str()),
        };
        writeln!(page, "\n#### `{word}`\n")?;
        docs(page, &definition.docs)?;
        match &definition.kind {
            TypeDefKind::Record(record) => {
                for field in &record.fields {
                    item(page, &format!("{}: {}", field.name, self.word(field.ty)), &field.docs)?;
                }
            }
            TypeDefKind::Variant(variant) => {
                for case in &variant.cases {
                    let carries = case.ty.map(|ty| format!("({})", self.word(ty))).unwrap_or_default();
                    item(page, &format!("{}{carries}", case.name), &case.docs)?;
                }
            }
            TypeDefKind::Enum(cases) => {
                for case in &cases.cases {
                    item(page, &case.name, &case.docs)?;
                }
            }
            TypeDefKind::Resource => {
                for function in interface.functions.values().filter(|it| of_resource(it) == Some(id)) {
                    let is_method = matches!(function.kind, FunctionKind::Method(_));
                    let name = function.name.rsplit_once('.').map_or(function.name.as_str(), |(_, name)| name);
                    let signature = self.signature(name, function, usize::from(is_method));
                    let before = if is_method { "" } else { "static " };
                    item(page, &format!("{before}{signature}"), &function.docs)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A function as the contract has it, without its first so many parameters.
    fn signature(&self, name: &str, function: &Function, without: usize) -> String {
        let parameter = |name: &str, ty: Type| format!("{name}: {}", self.word(ty));
        let parameters: Vec<String> =
            function.params.iter().skip(without).map(|it| parameter(&it.name, it.ty)).collect();
        let result = function.result.map(|ty| format!(" -> {}", self.word(ty))).unwrap_or_default();
        format!("{name}({}){result}", parameters.join(", "))
    }

    fn word(&self, ty: Type) -> String {
        let Type::Id(id) = ty else { return plain(ty).to_owned() };
        let Some(definition) = self.0.types.get(id) else { return "unknown".to_owned() };
        if let Some(name) = &definition.name {
            return name.clone();
        }
        let maybe = |ty: &Option<Type>| ty.map_or_else(|| "_".to_owned(), |ty| self.word(ty));
        let named = |id: &TypeId| self.word(Type::Id(*id));
        match &definition.kind {
            TypeDefKind::List(element) => format!("list<{}>", self.word(*element)),
            TypeDefKind::Option(value) => format!("option<{}>", self.word(*value)),
            TypeDefKind::Result(result) => match (&result.ok, &result.err) {
                (ok, None) => format!("result<{}>", maybe(ok)),
                (ok, err) => format!("result<{}, {}>", maybe(ok), maybe(err)),
            },
            TypeDefKind::Tuple(tuple) => {
                let types: Vec<String> = tuple.types.iter().map(|ty| self.word(*ty)).collect();
                format!("tuple<{}>", types.join(", "))
            }
            TypeDefKind::Handle(Handle::Own(id)) => named(id),
            TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", named(id)),
            kind => kind.as_str().to_owned(),
        }
    }
}

fn of_resource(function: &Function) -> Option<TypeId> {
    match function.kind {
        FunctionKind::Method(id) | FunctionKind::Static(id) | FunctionKind::Constructor(id) => Some(id),
        _ => None,
    }
}

fn plain(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
        Type::Id(_) => "unknown",
    }
}

fn docs(page: &mut String, docs: &Docs) -> fmt::Result {
    match &docs.contents {
        Some(text) => writeln!(page, "{}", text.trim_end()),
        None => Ok(()),
    }
}

/// One line of a list, the lines of its text below it.
fn item(page: &mut String, title: &str, docs: &Docs) -> fmt::Result {
    let text = docs.contents.as_deref().unwrap_or_default().trim_end();
    if text.is_empty() {
        return writeln!(page, "- `{title}`");
    }
    writeln!(page, "- `{title}`:")?;
    text.lines().try_for_each(|line| writeln!(page, "{}", format!("  {line}").trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_in_the_documentation_is_that_of_the_contracts() {
        let written = include_str!("../../../docs/contracts.md");
        let made = reference().unwrap();
        for part in [
            "### World `policy`",
            "#### `decide(view: borrow<view>) -> result<decision, failure>`",
            "- `metric(name: string) -> option<list<f64>>`:",
            "- `static open(name: string) -> result<connection, failure>`:",
            "#### `type job-id = string`",
        ] {
            assert!(made.contains(part), "{part}");
        }
        assert!(written == made, "write it anew: tidegate plugin contracts > docs/contracts.md");
    }
}
