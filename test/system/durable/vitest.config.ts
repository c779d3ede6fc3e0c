import { defineConfig } from "vitest/config"

// `npm run test:durable` runs these tests. They need PostgreSQL and Redis, so `npm test` does not include them.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.attack.ts"],
    // The servers end with the process that started them.
    pool: "forks",
    isolate: false,
    fileParallelism: false,
    // Much of the time is waiting: for locks to expire, and for processes to start.
    sequence: { concurrent: true },
    maxConcurrency: 6,
    testTimeout: 1_800_000,
    hookTimeout: 60_000
  }
})
