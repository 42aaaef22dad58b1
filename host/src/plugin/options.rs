//! `tidegate:host/options`: what the operator has set for a plugin.

use super::call::State;

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        inline: "package tidegate:any; world guest { import tidegate:host/options@0.1.0; }",
        path: ["../wit/host/v0.1"],
        imports: { default: async | trappable },
    });
}

use bindings::tidegate::host::options::Host;

impl Host for State {
    async fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.options.get(&name).cloned())
    }

    async fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.options.keys().cloned().collect())
    }
}
