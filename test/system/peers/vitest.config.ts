import { defineConfig } from "vitest/config"

// What `npm run test:peers` runs: programs that others wrote have to be there, so it is no part of the unit tests.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.peer.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000
  }
})
