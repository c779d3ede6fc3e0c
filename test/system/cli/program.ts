import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { stripVTControlCharacters } from "node:util"
import manifest from "../../../package.json" with { type: "json" }
import { runSync } from "../../../scripts/run.ts"
import { sightings } from "../../support/canary.ts"

// The command line of the packed package, in a folder without dependencies. Build first.

const root = fileURLToPath(new URL("../../..", import.meta.url))

/** An empty folder, which the tests may fill. */
export const workspace = mkdtempSync(join(tmpdir(), "ripio-tickets-"))

/** Unpacks the package into the workspace. */
export const unpack = () => {
  runSync(root, "npm", "pack", "--ignore-scripts", "--pack-destination", workspace)
  runSync(workspace, "tar", "-xzf", `${manifest.name}-${manifest.version}.tgz`)
}

/** The bundle. */
export const program = join(workspace, "package", manifest.bin["ripio-tickets"])

export type Env = Readonly<Record<string, string>>

const environment = (env: Env) => ({
  PATH: process.env["PATH"],
  HOME: workspace,
  TERM: "xterm",
  ...env
})

export interface Result {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  /** Waits until the output matches. */
  readonly waitFor: (pattern: RegExp) => Promise<RegExpExecArray>
  readonly send: (input: string) => void
  readonly kill: (signal: NodeJS.Signals) => void
  readonly result: Promise<Result>
}

const follow = (child: ChildProcess): Running => {
  const output = { stdout: "", stderr: "" }
  let isClosed = false
  let onOutput = () => {}
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (chunk: string) => {
      output[name] += chunk
      onOutput()
    })
  }
  const result = new Promise<Result>((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (exitCode) => {
      isClosed = true
      // No output of any test may show a secret.
      const seen = sightings(output.stdout + output.stderr)
      if (seen.length > 0) reject(new Error(`The output of the program shows ${seen.join(" and ")}`))
      else resolve({ exitCode, ...output })
      onOutput()
    })
  })
  return {
    waitFor: async (pattern) => {
      for (;;) {
        const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr)
        if (match !== null) return match
        if (isClosed) throw new Error(`The program ended without ${pattern}:\n${output.stdout}${output.stderr}`)
        await new Promise<void>((resolve) => {
          onOutput = resolve
        })
      }
    },
    send: (input) => void child.stdin?.write(input),
    kill: (signal) => void child.kill(signal),
    result
  }
}

/** Starts the program without a terminal. */
export const start = (args: ReadonlyArray<string>, env: Env = {}): Running =>
  follow(
    spawn(process.execPath, [program, ...args], {
      cwd: workspace,
      env: environment(env),
      stdio: ["ignore", "pipe", "pipe"]
    })
  )

/** Runs the program to its end without a terminal. */
export const run = (args: ReadonlyArray<string>, env: Env = {}): Promise<Result> => start(args, env).result

/** Runs a line of bash, in which `ripio-tickets` is the program. */
export const shell = (line: string, env: Env = {}): Promise<Result> =>
  follow(
    spawn("bash", ["-c", `ripio-tickets() { '${process.execPath}' '${program}' "$@"; }\n${line}`], {
      cwd: workspace,
      env: environment(env),
      stdio: ["ignore", "pipe", "pipe"]
    })
  ).result

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/**
 * Starts the program on a pseudo-terminal. Its output is what the terminal receives.
 *
 * @param redirect such as `> file`, as a shell would do it
 */
export const onTerminal = (args: ReadonlyArray<string>, env: Env = {}, redirect = ""): Running => {
  const command = [process.execPath, program, ...args].map(quote).join(" ")
  return terminal(`exec ${command} ${redirect}`, env)
}

/** Runs a line of a shell on a pseudo-terminal. */
export const terminal = (line: string, env: Env = {}): Running =>
  follow(
    spawn("script", ["--quiet", "--return", "--command", line, "/dev/null"], {
      cwd: workspace,
      env: { ...environment(env), SHELL: "/bin/sh" },
      stdio: ["pipe", "pipe", "pipe"]
    })
  )

/** What a terminal shows: the text without the sequences that move its cursor and set its colors. */
export const shown = (output: string): string => stripVTControlCharacters(output).replaceAll("\r", "\n")
