import { mkdirSync, rmSync } from "node:fs"
import { afterAll, afterEach, beforeAll } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TicketId } from "../../../src/index.ts"
import { unpack, workspace } from "./program.ts"
import { startServer } from "./server.ts"

/** The server of the test file, once {@link withServer} has started it. */
export let server: Awaited<ReturnType<typeof startServer>>

/** Unpacks the package for the tests of a file, and removes the workspace after them. */
export const withPackage = () => {
  beforeAll(() => {
    // The files that run in one worker share its modules, so the file before may have removed the folder.
    mkdirSync(workspace, { recursive: true })
    unpack()
  })
  afterAll(() => rmSync(workspace, { recursive: true }))
}

/** As {@link withPackage}, and starts {@link server}, which each test finds without the faults of others. */
export const withServer = () => {
  withPackage()
  beforeAll(async () => {
    server = await startServer()
  })
  afterEach(() => server.use((sandbox) => Effect.andThen(sandbox.clearFaults, sandbox.onCreate({}))))
  afterAll(() => server.stop())
}

export const unknownId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")

export const raiseArgs = (customer: string = server.customerId) => [
  "raise",
  "--customer",
  customer,
  "--summary",
  "A deposit is missing",
  "--description",
  "Sent on Monday."
]

export const parse = (line: string) => JSON.parse(line) as Record<string, unknown>
