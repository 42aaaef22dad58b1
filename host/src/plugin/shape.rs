//! Whether a component's functions have the types that the contracts say: compared before linking, so that the
//! operator reads which function differs, and in what.

use std::sync::LazyLock;

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem, Type};
use wit_parser::{Function, Handle, Interface, Resolve, Type as WitType, TypeDefKind};

use crate::wit::{ALL, Package};

/// All contracts. Empty if they could not be read, which a test rules out: wasmtime's words are left then.
static CONTRACTS: LazyLock<Contracts> = LazyLock::new(|| {
    let mut resolve = Resolve::default();
    match ALL.iter().try_for_each(|Package { name, text }| resolve.push_str(name, text).map(drop)) {
        Ok(()) => Contracts(resolve),
        Err(_) => Contracts(Resolve::default()),
    }
});

/// The first function of `component` that has another type than its contract says, in words.
///
/// Only names that a contract of ours has are looked at; versions are compared elsewhere.
pub(super) fn difference(engine: &Engine, component: &Component) -> Option<String> {
    let shape = component.component_type();
    let imports = shape.imports(engine).map(|(name, item)| (name, item, Side::Import));
    let exports = shape.exports(engine).map(|(name, item)| (name, item, Side::Export));
    imports.chain(exports).find_map(|(name, item, side)| {
        let name = name.split_once('@').map_or(name, |(name, _)| name);
        let ComponentItem::ComponentInstance(found) = item.ty else { return None };
        CONTRACTS.interface(name, &found, side, engine)
    })
}

/// Who has to have every function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// The host.
    Import,
    /// The guest.
    Export,
}

struct Contracts(Resolve);

impl Contracts {
    fn find(&self, name: &str) -> Option<&Interface> {
        let (package, interface) = name.split_once('/')?;
        self.0.interfaces.iter().map(|(_, interface)| interface).find(|found| {
            found.name.as_deref() == Some(interface)
                && found.package.and_then(|package| self.0.packages.get(package)).is_some_and(|found| {
                    let (namespace, name) = (&found.name.namespace, &found.name.name);
                    package.strip_prefix(namespace.as_str()).and_then(|rest| rest.strip_prefix(':')) == Some(name)
                })
        })
    }

    fn interface(&self, name: &str, found: &ComponentInstance, side: Side, engine: &Engine) -> Option<String> {
        let wanted = self.find(name)?;
        for (function, item) in found.exports(engine) {
            let ComponentItem::ComponentFunc(found) = item.ty else { continue };
            let told = plain(function);
            match wanted.functions.get(function) {
                Some(wanted) => {
                    if let Some(what) = self.function(wanted, &found) {
                        return Some(format!("`{told}` of `{name}` has another type: {what}"));
                    }
                }
                None if side == Side::Import => {
                    return Some(format!("it needs `{told}` of `{name}`, which this host does not have"));
                }
                None => {}
            }
        }
        if side == Side::Import {
            return None;
        }
        let lacking = wanted.functions.keys().find(|function| found.get_export(engine, function).is_none())?;
        Some(format!("its `{name}` lacks `{}`", plain(lacking)))
    }

    fn function(&self, wanted: &Function, found: &ComponentFunc) -> Option<String> {
        let names = |count: usize| if count == 1 { "1 parameter".to_owned() } else { format!("{count} parameters") };
        let (wants, has) = (wanted.params.len(), found.params().len());
        if wants != has {
            return Some(format!("it has {}, the contract says {}", names(has), names(wants)));
        }
        let parameters = wanted.params.iter().zip(found.params()).find_map(|(wanted, (name, found))| {
            if wanted.name != name {
                return Some(format!("it has a parameter `{name}`, the contract says `{}`", wanted.name));
            }
            self.differ(wanted.ty, &found, &format!("parameter `{name}`"))
        });
        parameters.or_else(|| match (wanted.result, found.results().next()) {
            (None, None) => None,
            (Some(_), None) => Some("it has no result".to_owned()),
            (None, Some(_)) => Some("it has a result, the contract says none".to_owned()),
            (Some(wanted), Some(found)) => self.differ(wanted, &found, "result"),
        })
    }

    /// What differs at `place`, or at a place inside of it.
    fn differ(&self, wanted: WitType, found: &Type, place: &str) -> Option<String> {
        let kind = self.kind(wanted);
        let inner = |wanted: WitType, found: Type, what: &str| self.differ(wanted, &found, &format!("{place}, {what}"));
        let maybe = |wanted: Option<WitType>, found: Option<Type>, what: &str| match (wanted, found) {
            (Some(wanted), Some(found)) => inner(wanted, found, what),
            (None, None) => None,
            (Some(_), None) => Some(format!("in {place}, {what} carries nothing")),
            (None, Some(_)) => Some(format!("in {place}, {what} carries something, the contract says nothing")),
        };
        match (kind, found) {
            (Kind::Plain(wanted), _) if wanted == word(found) => None,
            (Kind::Defined(TypeDefKind::Record(wanted)), Type::Record(found)) => {
                let names = wanted.fields.iter().map(|field| field.name.as_str());
                unlike("field", names, found.fields().map(|field| field.name), place).or_else(|| {
                    let mut pairs = wanted.fields.iter().zip(found.fields());
                    pairs.find_map(|(wanted, found)| inner(wanted.ty, found.ty, &format!("field `{}`", wanted.name)))
                })
            }
            (Kind::Defined(TypeDefKind::Variant(wanted)), Type::Variant(found)) => {
                let names = wanted.cases.iter().map(|case| case.name.as_str());
                unlike("case", names, found.cases().map(|case| case.name), place).or_else(|| {
                    let mut pairs = wanted.cases.iter().zip(found.cases());
                    pairs.find_map(|(wanted, found)| maybe(wanted.ty, found.ty, &format!("case `{}`", wanted.name)))
                })
            }
            (Kind::Defined(TypeDefKind::Enum(wanted)), Type::Enum(found)) => {
                unlike("case", wanted.cases.iter().map(|case| case.name.as_str()), found.names(), place)
            }
            (Kind::Defined(TypeDefKind::Flags(wanted)), Type::Flags(found)) => {
                unlike("flag", wanted.flags.iter().map(|flag| flag.name.as_str()), found.names(), place)
            }
            (Kind::Defined(TypeDefKind::Tuple(wanted)), Type::Tuple(found)) => {
                let (wants, has) = (wanted.types.len(), found.types().len());
                if wants != has {
                    return Some(format!("{place} is a tuple of {has}, the contract says {wants}"));
                }
                let mut pairs = wanted.types.iter().zip(found.types()).zip(1..);
                pairs.find_map(|((wanted, found), place)| inner(*wanted, found, &format!("part {place}")))
            }
            (Kind::Defined(TypeDefKind::List(wanted)), Type::List(found)) => inner(*wanted, found.ty(), "element"),
            (Kind::Defined(TypeDefKind::Option(wanted)), Type::Option(found)) => inner(*wanted, found.ty(), "value"),
            (Kind::Defined(TypeDefKind::Result(wanted)), Type::Result(found)) => {
                maybe(wanted.ok, found.ok(), "`ok`").or_else(|| maybe(wanted.err, found.err(), "`err`"))
            }
            // Which resource it is has no name here: linking compares that.
            (Kind::Defined(TypeDefKind::Handle(Handle::Own(_))), Type::Own(_))
            | (Kind::Defined(TypeDefKind::Handle(Handle::Borrow(_))), Type::Borrow(_)) => None,
            (wanted, _) => Some(format!("{place} is of type `{}`, the contract says `{}`", word(found), wanted.word())),
        }
    }

    /// What stands behind all names that a type has.
    fn kind(&self, mut wanted: WitType) -> Kind<'_> {
        while let WitType::Id(id) = wanted {
            match self.0.types.get(id).map(|definition| &definition.kind) {
                Some(TypeDefKind::Type(named)) => wanted = *named,
                Some(kind) => return Kind::Defined(kind),
                None => return Kind::Plain("unknown"),
            }
        }
        Kind::Plain(match wanted {
            WitType::Bool => "bool",
            WitType::U8 => "u8",
            WitType::U16 => "u16",
            WitType::U32 => "u32",
            WitType::U64 => "u64",
            WitType::S8 => "s8",
            WitType::S16 => "s16",
            WitType::S32 => "s32",
            WitType::S64 => "s64",
            WitType::F32 => "f32",
            WitType::F64 => "f64",
            WitType::Char => "char",
            WitType::String => "string",
            WitType::ErrorContext => "error-context",
            WitType::Id(_) => "unknown",
        })
    }
}

/// A type of a contract.
#[derive(Clone, Copy)]
enum Kind<'a> {
    Plain(&'static str),
    Defined(&'a TypeDefKind),
}

impl Kind<'_> {
    fn word(self) -> &'static str {
        match self {
            Self::Plain(word) => word,
            Self::Defined(kind) => kind.as_str(),
        }
    }
}

/// A function's name without the mark of a resource's functions, such as `[method]`.
fn plain(function: &str) -> &str {
    function.split_once(']').map_or(function, |(_, name)| name)
}

/// How two lists of names differ, if they do.
fn unlike<'a>(
    what: &str,
    wanted: impl Iterator<Item = &'a str>,
    found: impl Iterator<Item = &'a str>,
    place: &str,
) -> Option<String> {
    let (wanted, found): (Vec<&str>, Vec<&str>) = (wanted.collect(), found.collect());
    if wanted == found {
        return None;
    }
    if let Some(lacking) = wanted.iter().find(|name| !found.contains(name)) {
        return Some(format!("in {place}, {what} `{lacking}` of the contract is missing"));
    }
    if let Some(extra) = found.iter().find(|name| !wanted.contains(name)) {
        return Some(format!("in {place}, the contract has no {what} `{extra}`"));
    }
    Some(format!("in {place}, each {what} is there, but in another order"))
}

/// A component's type in one word of WIT.
fn word(found: &Type) -> &'static str {
    match found {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::List(_) => "list",
        Type::Map(_) => "map",
        Type::Record(_) => "record",
        Type::Tuple(_) => "tuple",
        Type::Variant(_) => "variant",
        Type::Enum(_) => "enum",
        Type::Option(_) => "option",
        Type::Result(_) => "result",
        Type::Flags(_) => "flags",
        Type::Own(_) | Type::Borrow(_) => "handle",
        Type::Future(_) => "future",
        Type::Stream(_) => "stream",
        Type::ErrorContext => "error-context",
        Type::FixedLengthList(_) => "fixed-length list",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(text: &str) -> Option<String> {
        let engine = Engine::default();
        difference(&engine, &Component::new(&engine, wat::parse_str(text).unwrap()).unwrap())
    }

    #[test]
    fn every_contract_is_known() {
        for name in [
            "tidegate:types/types",
            "tidegate:host/log",
            "tidegate:host/sql",
            "tidegate:policy/observation",
            "tidegate:policy/scaling",
            "tidegate:event-handler/handler",
            "tidegate:state-store/stores",
        ] {
            assert!(CONTRACTS.find(name).is_some(), "{name}");
        }
        assert!(CONTRACTS.find("tidegate:policy/nothing").is_none());
    }

    #[test]
    fn the_bundled_plugins_have_every_type_of_their_contracts() {
        let engine = Engine::default();
        for tidegate_bundled::Bundled { name, bytes, .. } in tidegate_bundled::ALL {
            let component = Component::new(&engine, bytes).unwrap();
            assert_eq!(difference(&engine, &component), None, "{name}");
        }
    }

    #[test]
    fn what_differs_is_told_with_its_place() {
        let log = |types: &str, parameters: &str| {
            format!(
                "(component (import \"tidegate:host/log@0.1.0\" (instance {types} (export \"write\" (func {parameters})))))"
            )
        };
        let level = |cases: &str| format!("(type $plain (enum {cases})) (export \"level\" (type $level (eq $plain)))");
        let good = level(r#""trace" "debug" "info" "warn" "error""#);
        let message = r#"(param "level" $level) (param "message" string)"#;
        for (types, parameters, expected) in [
            (good.clone(), message, None),
            (good.clone(), r#"(param "level" $level)"#, Some("it has 1 parameter, the contract says 2 parameters")),
            (
                good.clone(),
                r#"(param "level" $level) (param "message" u32)"#,
                Some("parameter `message` is of type `u32`, the contract says `string`"),
            ),
            (
                good.clone(),
                r#"(param "level" $level) (param "text" string)"#,
                Some("it has a parameter `text`, the contract says `message`"),
            ),
            (
                good,
                r#"(param "level" $level) (param "message" string) (result bool)"#,
                Some("it has a result, the contract says none"),
            ),
            (
                level(r#""trace" "debug" "info" "warn""#),
                message,
                Some("in parameter `level`, case `error` of the contract is missing"),
            ),
            (
                level(r#""trace" "debug" "info" "warn" "error" "fatal""#),
                message,
                Some("in parameter `level`, the contract has no case `fatal`"),
            ),
        ] {
            let told = expected.map(|what| format!("`write` of `tidegate:host/log` has another type: {what}"));
            assert_eq!(compared(&log(&types, parameters)), told, "{types} {parameters}");
        }
        let later = r#"(component (import "tidegate:host/log@0.1.9" (instance (export "colour" (func)))))"#;
        let told = "it needs `colour` of `tidegate:host/log`, which this host does not have";
        assert_eq!(compared(later).as_deref(), Some(told));
    }
}
