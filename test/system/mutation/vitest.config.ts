import { defineConfig } from "vitest/config"
import root from "../../../vitest.config.ts"

const shared = { ...root.test }
delete shared.globalSetup
delete shared.projects

// Tests of sockets, processes and wall-clock time are slow, and they kill no mutant that the other tests leave alive.
export default defineConfig({
  ...root,
  test: {
    ...shared,
    include: ["test/**/*.test.ts"],
    exclude: [
      "**/node_modules/**",
      "test/{system,testing}/**",
      "test/{architecture,docs-blocks}.test.ts",
      "test/tickets/Layers.test.ts",
      "test/tickets/create/{Cuts,Memory,NotSent}.test.ts",
      "test/webhooks/{Bundle,Examples,Fuzz,ProcessKill,ThirdParty}.test.ts"
    ]
  }
})
