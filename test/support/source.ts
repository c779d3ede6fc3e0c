// Loads the package by its own name from its source, for programs that tests start: `node --import`.
import { registerHooks } from "node:module"

const entries = new Map([
  ["effect-ripio-tickets", "../../src/index.ts"],
  ["effect-ripio-tickets/testing", "../../src/testing/index.ts"],
  ["effect-ripio-tickets/node", "../../src/node/index.ts"]
])

registerHooks({
  resolve: (specifier, context, next) => {
    const entry = entries.get(specifier)
    return entry === undefined
      ? next(specifier, context)
      : { url: new URL(entry, import.meta.url).href, shortCircuit: true }
  }
})
