import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Runs the script on one file with this name and text; its exit code and its output. */
const check = (name: string, text: string) => {
  const folder = mkdtempSync(join(tmpdir(), "docs-blocks-"))
  try {
    writeFileSync(join(folder, name), text)
    const path = relative(root, join(folder, name))
    const { status, stdout } = spawnSync(process.execPath, ["scripts/docs-blocks.ts", path], {
      cwd: root,
      encoding: "utf8"
    })
    return { status, lines: stdout.trim().replaceAll(path, name).split("\n") }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe("docs-blocks", () => {
  it("passes a block that compiles, and resolves the package by its name", () => {
    const text = `# A

\`\`\`sh
npm ci
\`\`\`

1. A list
   \`\`\`ts
   import { TicketId } from "effect-ripio-tickets"
   export const id: TicketId = TicketId.make("x")
   \`\`\`
`
    assert.deepStrictEqual(check("a.md", text), { status: 0, lines: ["1 passed, 0 failed"] })
  })

  it("reports the line of a type error, of a block without a language and of an unclosed block", () => {
    const text = `\`\`\`ts
const a: number = 1
\`\`\`

\`\`\`ts
const a = 1
const b: string = a
\`\`\`

\`\`\`
x
\`\`\`

\`\`\`ts
const c = 1
`
    assert.deepStrictEqual(check("b.md", text), {
      status: 1,
      lines: [
        "b.md:10 a block in an unknown language: (none)",
        "b.md:14 a block in an unknown language: (never closed)",
        "b.md:7 error TS2322: Type 'number' is not assignable to type 'string'.",
        "1 passed, 3 failed"
      ]
    })
  })

  it("checks the doc comments of a source file and not its other text", () => {
    const text = `/**
 * **Example**
 *
 * \`\`\`ts
 * const a: string = 1
 * \`\`\`
 */
export const b = \`
\`\`\`ts
const c: string = 1
\`\`\`
\`
`
    assert.deepStrictEqual(check("c.ts", text), {
      status: 1,
      lines: ["c.ts:5 error TS2322: Type 'number' is not assignable to type 'string'.", "0 passed, 1 failed"]
    })
  })

  it("rejects an import that package.json does not export", () => {
    const text =
      '```ts\nimport { Sandbox } from "effect-ripio-tickets/testing"\nimport { Fault } from "effect-ripio-tickets/testing/Fault"\nexport const used = [Sandbox, Fault]\n```\n'
    const { lines, status } = check("d.md", text)
    assert.strictEqual(status, 1)
    assert.match(lines[0] ?? "", /^d\.md:3 error TS2307: Cannot find module 'effect-ripio-tickets\/testing\/Fault'/u)
    assert.deepStrictEqual(lines.slice(1), ["0 passed, 1 failed"])
  })
})
