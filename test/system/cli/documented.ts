import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const page = fileURLToPath(new URL("../../../docs/command-line.md", import.meta.url))

export interface Step {
  readonly command: string
  /** What the command prints, to stdout and stderr. */
  readonly output: string
}

/** The terminals of the documented session, each with its commands. */
export const documentedSession = (): ReadonlyArray<ReadonlyArray<Step>> => {
  const blocks = readFileSync(page, "utf8").matchAll(/^```text\n([^]*?)^```$/gmu)
  return [...blocks].map(([, text = ""]) =>
    text
      .split(/^\$ /mu)
      .slice(1)
      .map((step) => {
        // A command continues after a backslash.
        const [, command = "", output = ""] = /^((?:.*\\\n)*.*)\n([^]*)$/u.exec(step) ?? []
        return { command, output }
      })
  )
}

/** The rows of the documented table of exit codes. */
export const documentedExitCodes = (): ReadonlyArray<number> =>
  [...readFileSync(page, "utf8").matchAll(/^\| (\d+) \|/gmu)].map(([, code]) => Number(code))
