import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-ripio-tickets$/u, replacement: source("index.ts") },
      { find: /^effect-ripio-tickets\/testing$/u, replacement: source("testing/index.ts") }
    ]
  },
  test: {
    // Fails the run if a secret of the tests shows in its output.
    globalSetup: ["test/support/canaryGuard.ts"],
    // Loading Effect costs more than most test files: a worker loads it once. No test may replace a module or a global.
    pool: "threads",
    isolate: false,
    // No test waits on the wall clock: this is only for machines that are busy with something else.
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
        test: { name: "package", include: ["test/system/package/*.test.ts"], testTimeout: 60_000, hookTimeout: 120_000 }
      }
    ]
  }
})
