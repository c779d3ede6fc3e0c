// Runs one candidate. Each message requests a number of calls, and the reply is their cost.
import { type Open, stub } from "../client.ts"
import type { Cost, Role } from "../harness.ts"
import { role, serve } from "./serve.ts"

const { baseUrl, client, isCompiled, isTraced = false, transport = "fetch" } = role() as Role
if (isCompiled) await import("effect/schema/SchemaJITCompiler/enable")
const { open } = (await import(`../clients/${client}.ts`)) as { readonly open: Open }
const session = await open(
  baseUrl === undefined
    ? { baseUrl: "http://stub.test", fetch: stub, isTraced, transport }
    : { baseUrl, fetch, isTraced, transport }
)

serve(async ({ calls, id, inFlight }): Promise<Cost> => {
  const each = Math.ceil(calls / inFlight)
  const cpu = process.cpuUsage()
  const start = performance.now()
  await Promise.all(Array.from({ length: inFlight }, () => session(id, each)))
  const wall = (performance.now() - start) * 1000
  const { system, user } = process.cpuUsage(cpu)
  return { cpu: (system + user) / (each * inFlight), wall: wall / (each * inFlight) }
})
