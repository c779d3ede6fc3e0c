import { existsSync } from "node:fs"
import { defineConfig } from "vitest/config"
import root from "../../../vitest.config.ts"

const shared = { ...root.test }
delete shared.globalSetup
delete shared.projects

// Tests that use sockets, processes or wall-clock time. They are slow, and they kill no mutant that the other tests miss.
const slow = [
  "test/architecture.test.ts",
  "test/docs-blocks.test.ts",
  "test/language.test.ts",
  "test/tickets/Transports.test.ts",
  "test/tickets/create/ConnectionCuts.test.ts",
  "test/tickets/create/Memory.test.ts",
  "test/tickets/create/NotSent.test.ts",
  "test/webhooks/Bundle.test.ts",
  "test/webhooks/Examples.test.ts",
  "test/webhooks/ThirdParty.test.ts",
  "test/webhooks/ProcessKill.test.ts",
  "test/webhooks/Fuzz.test.ts"
]
const missing = slow.filter((path) => !existsSync(new URL(`../../../${path}`, import.meta.url)))
if (missing.length > 0)
  throw new Error(`test/system/mutation/vitest.config.ts lists missing files: ${missing.join(", ")}`)

export default defineConfig({
  ...root,
  test: {
    ...shared,
    include: ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "test/{system,testing}/**", ...slow]
  }
})
