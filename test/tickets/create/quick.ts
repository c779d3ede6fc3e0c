import type { RequestOptions } from "../../../src/index.ts"

/** Short time limits for creates on the wall clock: hashing the ticket takes real time, so `TestClock` cannot drive them. */
export const quick: RequestOptions = { timeout: "200 millis", retry: { times: 3, base: "1 milli" } }
