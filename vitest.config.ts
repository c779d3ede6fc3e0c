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
    include: ["test/**/*.test.ts"],
    // Loading Effect costs more than most test files: a worker loads it once. No test may replace a module or a global.
    pool: "threads",
    isolate: false,
    maxWorkers: 2
  }
})
