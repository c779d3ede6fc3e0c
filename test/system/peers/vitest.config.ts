import { defineConfig } from "vitest/config"

// `npm run test:peers` runs these tests. They need third-party programs, so `npm test` does not include them.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.peer.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000
  }
})
