// What the runners of tests share: a command, with what it prints both shown and kept, and the counts in a line of it.
import { spawn, type SpawnOptions } from "node:child_process"
import { stripVTControlCharacters } from "node:util"

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

export const count = (line: string, what: string): number =>
  Number(new RegExp(`(\\d+) ${what}`, "u").exec(line)?.[1] ?? 0)
