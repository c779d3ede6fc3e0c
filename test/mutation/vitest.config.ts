import { defineConfig } from "vitest/config"
import root from "../../vitest.config.ts"

const shared = { ...root.test }
delete shared.globalSetup
delete shared.projects

// Without what only a socket, a process or the clock on the wall can show: it is slow, and kills no mutant of its own.
export default defineConfig({
  ...root,
  test: {
    ...shared,
    include: ["test/**/*.test.ts"],
    exclude: [
      "**/node_modules/**",
      "test/{faults,package,testing}/**",
      "test/{Layers,architecture,docs-blocks}.test.ts",
      "test/create/{Cuts,Memory,NotSent}.test.ts",
      "test/webhooks/{bundle,examples,judges,kill,mutants}.test.ts"
    ]
  }
})
