import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

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

describe("the check of documented code", () => {
  it("passes what compiles, and knows the package by its name", () => {
    const text =
      '# A\n\n```sh\nnpm ci\n```\n\n1. A list\n   ```ts\n   import { TicketId } from "effect-ripio-tickets"\n   export const id: TicketId = TicketId.make("x")\n   ```\n'
    assert.deepStrictEqual(check("a.md", text), { status: 0, lines: ["1 passed, 0 failed"] })
  })

  it("names the line of each error, of a block without a language and of one that is not closed", () => {
    const text =
      "```ts\nconst a: number = 1\n```\n\n```ts\nconst a = 1\nconst b: string = a\n```\n\n```\nx\n```\n\n```ts\nconst c = 1\n"
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

  it("reads the doc comments of a source, and nothing else of it", () => {
    const text =
      "/**\n * **Example**\n *\n * ```ts\n * const a: string = 1\n * ```\n */\nexport const b = `\n```ts\nconst c: string = 1\n```\n`\n"
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
