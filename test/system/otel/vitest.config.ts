import { defineConfig } from "vitest/config"

// `npm run test:otel` runs these tests. They need Prometheus, so `npm test` does not include them.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.otel.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000
  }
})
