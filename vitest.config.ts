import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-ripio-tickets$/u, replacement: source("index.ts") },
      { find: /^effect-ripio-tickets\/testing$/u, replacement: source("testing/index.ts") },
      { find: /^effect-ripio-tickets\/durable$/u, replacement: source("durable.ts") },
      { find: /^effect-ripio-tickets\/node$/u, replacement: source("node/index.ts") }
    ]
  },
  test: {
    // Fails the run if its output contains a secret of the tests.
    globalSetup: ["test/support/canaryGuard.ts"],
    // Without isolation a worker loads Effect once, which takes longer than most test files. Tests must not mock modules
    // or globals.
    pool: "threads",
    isolate: false,
    // High enough for a busy machine.
    testTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["**/node_modules/**", "test/system/package/**"]
        }
      },
      {
        extends: true,
        test: { name: "package", include: ["test/system/package/*.test.ts"], hookTimeout: 120_000 }
      }
    ]
  }
})
