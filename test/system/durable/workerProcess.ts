// A worker that the attacks kill: `node workerProcess.ts <WorkerConfig as JSON>`. It sends a message when it runs.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import type * as Effect from "effect/Effect"
import type { WorkerConfig } from "./workers.ts"

const config = JSON.parse(process.argv[2] ?? "") as WorkerConfig
const { main } = (await import(`./roles/${config.role}.ts`)) as {
  readonly main: (config: WorkerConfig) => Effect.Effect<unknown, unknown>
}
// A worker ends with the process that started it.
process.on("disconnect", () => process.exit(1))
NodeRuntime.runMain(main(config))
