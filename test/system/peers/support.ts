import { spawn } from "node:child_process"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { closedPort } from "../../support/ports.ts"

/** A file of a package that `test/system/peers/package.json` names. */
export const installed = (...path: ReadonlyArray<string>) => join(import.meta.dirname, "node_modules", ...path)

/** A program that others wrote and that listens, started for the tests of a block. */
export class Peer extends Context.Service<Peer, { readonly baseUrl: string; readonly output: () => string }>()(
  "test/system/peers/Peer"
) {}

/** Starts it on a free port, and waits until it says that it is ready. At the end of the block it is ended. */
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
          // Some are a program that starts another.
          process.kill(-child.pid, "SIGKILL")
        })
      )
      yield* Effect.callback<void, Error>((resume) => {
        const hear = (chunk: Buffer) => {
          output += chunk.toString()
          if (ready.test(output)) resume(Effect.void)
        }
        child.stdout.on("data", hear)
        child.stderr.on("data", hear)
        child.on("error", (error) => resume(Effect.fail(error)))
        child.on("close", (code) => resume(Effect.fail(new Error(`${command} ended with ${code}:\n${output}`))))
      }).pipe(
        Effect.timeoutOrElse({
          duration: "30 seconds",
          orElse: () => Effect.fail(new Error(`${command} does not become ready:\n${output}`))
        })
      )
      return { baseUrl: `http://127.0.0.1:${port}`, output: () => output }
      // Somebody else may take the port before it does.
    }).pipe(Effect.retry({ times: 3 }))
  )

/** One on the Node.js of the tests. */
export const nodePeer = (args: (port: number) => ReadonlyArray<string>, ready: RegExp) =>
  peer(process.execPath, args, ready)
