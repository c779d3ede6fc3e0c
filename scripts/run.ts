// Runs commands for the other scripts, and reads counts of tests from their output.
import { spawn, type SpawnOptions, spawnSync } from "node:child_process"
import { stripVTControlCharacters } from "node:util"

/** Runs a command, prints its output as it arrives, and returns its exit code and output. */
export const run = (
  command: string,
  args: ReadonlyArray<string>,
  options: Pick<SpawnOptions, "cwd" | "env" | "shell">
) =>
  new Promise<{ readonly code: number; readonly output: string }>((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "inherit"] })
    const chunks: Array<Buffer> = []
    child.stdout.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      process.stdout.write(chunk)
    })
    child.on("close", (code) => {
      resolve({ code: code ?? 1, output: stripVTControlCharacters(Buffer.concat(chunks).toString()) })
    })
  })

/** Runs a command and returns its output. Throws, with the output, if the command fails. */
export const runSync = (cwd: string, command: string, ...args: ReadonlyArray<string>): string => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: "utf8" })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`)
  return stdout
}

/** The number before a word, such as 3 in "3 passed". */
export const count = (line: string, word: string): number =>
  Number(new RegExp(`(\\d+) ${word}`, "u").exec(line)?.[1] ?? 0)
