import type { Load } from "../harness.ts"

/** The configuration of the process, from its first argument. */
export const role = (): unknown => JSON.parse(process.argv[2]!)

/** Replies to each message of the benchmark. An error ends the process, and thereby the benchmark. */
export const serve = (run: (load: Load) => Promise<object>): void => {
  process.on("message", (load: Load) => {
    void run(load).then((result) => process.send!(result))
  })
  process.send!("ready")
}
