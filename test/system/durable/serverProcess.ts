import { spawn } from "node:child_process"
import { once } from "node:events"
import { chownSync, mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runSync } from "../../../scripts/run.ts"

/** A server of Debian that runs as a child process. Disposing it kills the process and removes its folder. */
export interface ServerProcess extends AsyncDisposable {
  readonly folder: string
  readonly port: number
  readonly pid: () => number
  readonly start: () => Promise<void>
  readonly stop: (signal: NodeJS.Signals) => Promise<void>
}

interface Definition {
  readonly name: string
  /** The user that runs the server if the tests run as root. */
  readonly user?: string
  /** Runs once, before the first start. */
  readonly prepare?: (folder: string, run: (command: string, ...args: ReadonlyArray<string>) => void) => void
  readonly command: (folder: string, port: number) => readonly [string, ...Array<string>]
  /** Matches the output of a server that accepts connections. */
  readonly ready: RegExp
  /** Ends the server at once. */
  readonly killSignal: "SIGKILL" | "SIGQUIT"
}

export const freePort = async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("The free port is unknown.")
  return address.port
}

/** The server ends with this process, even if this process is killed. */
const startUnderThisProcess = async (definition: Definition, asUser: ReadonlyArray<string>, command: Array<string>) => {
  const args = [...asUser, "--pdeathsig", definition.killSignal.slice(3), ...command]
  const child = spawn("setpriv", args, { stdio: ["ignore", "pipe", "pipe"] })
  let output = ""
  await new Promise<void>((resolve, reject) => {
    const timeout = setTimeout(() => reject(new Error(`${definition.name} is not ready:\n${output}`)), 30_000)
    const onOutput = (chunk: Buffer) => {
      // Only until the server is ready. Later output is discarded.
      if (output.length > 100_000) return
      output += chunk.toString()
      if (definition.ready.test(output)) {
        clearTimeout(timeout)
        resolve()
      }
    }
    child.stdout.on("data", onOutput)
    child.stderr.on("data", onOutput)
    child.on("error", reject)
    child.on("exit", (code) => reject(new Error(`${definition.name} exited with code ${code}:\n${output}`)))
  })
  return child
}

export const startServer = async (definition: Definition): Promise<ServerProcess> => {
  const folder = mkdtempSync(join(tmpdir(), `${definition.name}-`))
  const isRoot = process.getuid?.() === 0
  const asUser =
    isRoot && definition.user !== undefined
      ? [`--reuid=${definition.user}`, `--regid=${definition.user}`, "--init-groups"]
      : []
  if (asUser.length > 0) {
    const id = (flag: string) => Number(runSync(folder, "id", flag, definition.user ?? ""))
    chownSync(folder, id("-u"), id("-g"))
  }
  definition.prepare?.(folder, (command, ...args) => void runSync(folder, "setpriv", ...asUser, command, ...args))

  let port = await freePort()
  const spawnServer = () => startUnderThisProcess(definition, asUser, [...definition.command(folder, port)])
  // Another process can bind the free port first.
  let child = await spawnServer().catch(async () => {
    port = await freePort()
    return spawnServer()
  })
  const hasExited = () => child.exitCode !== null || child.signalCode !== null
  const stop = async (signal: NodeJS.Signals) => {
    if (hasExited()) return
    const exit = once(child, "exit")
    child.kill(signal)
    await exit
  }
  return {
    folder,
    get port() {
      return port
    },
    pid: () => child.pid ?? 0,
    start: async () => {
      if (hasExited()) child = await spawnServer()
    },
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop(definition.killSignal)
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
