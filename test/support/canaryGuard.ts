import { sightings } from "./canary.ts"

// A global setup of Vitest: the run fails if the canary, which secrets of the tests hold, was printed by anything in it.
// In `vitest.config.ts`: `globalSetup: ["test/support/canaryGuard.ts"]`.

const streams = [process.stdout, process.stderr]
const before = streams.map((stream) => stream.write.bind(stream))
let seen: ReadonlySet<string> = new Set()

/** Watches what this process, which prints for all workers, writes. */
export const setup = () => {
  for (const [index, stream] of streams.entries()) {
    let tail = ""
    stream.write = (chunk: string | Uint8Array, ...rest: ReadonlyArray<unknown>) => {
      // What is printed in pieces is seen as well.
      const text = tail + (typeof chunk === "string" ? chunk : Buffer.from(chunk).toString())
      tail = text.slice(-200)
      seen = new Set([...seen, ...sightings(text)])
      return before[index]!(chunk, ...(rest as []))
    }
  }
}

export const teardown = () => {
  for (const [index, stream] of streams.entries()) stream.write = before[index]!
  if (seen.size > 0) throw new Error(`The output of this run shows ${[...seen].join(" and ")}`)
}
