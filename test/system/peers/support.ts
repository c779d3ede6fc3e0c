import { spawn } from "node:child_process"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { closedPort } from "../../support/ports.ts"

/** The path of a file in the packages of `test/system/peers/package.json`. */
export const installed = (...path: ReadonlyArray<string>) => join(import.meta.dirname, "node_modules", ...path)

/** A third-party server that runs during a block of tests. */
export class Peer extends Context.Service<Peer, { readonly baseUrl: string; readonly output: () => string }>()(
  "test/system/peers/Peer"
) {}

/**
 * Starts a server on a free port and waits until its output matches `ready`. The end of the block stops it.
 *
 * The server starts again on another port if it fails, since another process can bind the free port first.
 */
export const peer = (command: string, args: (port: number) => ReadonlyArray<string>, ready: RegExp) =>
  Layer.effect(
    Peer,
    Effect.gen(function* () {
      const port = yield* closedPort
      let output = ""
      const child = spawn(command, args(port), { stdio: ["ignore", "pipe", "pipe"], detached: true })
      yield* Effect.addFinalizer(() =>
        Effect.callback<void>((resume) => {
          if (child.exitCode !== null || child.pid === undefined) return resume(Effect.void)
          child.on("exit", () => resume(Effect.void))
          // Some servers start child processes: kill the process group.
          process.kill(-child.pid, "SIGKILL")
        })
      )
      yield* Effect.callback<void, Error>((resume) => {
        const onOutput = (chunk: Buffer) => {
          output += chunk.toString()
          if (ready.test(output)) resume(Effect.void)
        }
        child.stdout.on("data", onOutput)
        child.stderr.on("data", onOutput)
        child.on("error", (error) => resume(Effect.fail(error)))
        child.on("close", (code) => resume(Effect.fail(new Error(`${command} exited with code ${code}:\n${output}`))))
      }).pipe(
        Effect.timeoutOrElse({
          duration: "30 seconds",
          orElse: () => Effect.fail(new Error(`${command} is not ready after 30 seconds:\n${output}`))
        })
      )
      return { baseUrl: `http://127.0.0.1:${port}`, output: () => output }
    }).pipe(Effect.retry({ times: 3 }))
  )

/** Starts a server that is a script of Node.js. */
export const nodePeer = (args: (port: number) => ReadonlyArray<string>, ready: RegExp) =>
  peer(process.execPath, args, ready)
