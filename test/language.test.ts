import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Runs the check on files in a folder, and on these alone. */
const check = (files: Readonly<Record<string, string>>) => {
  mkdirSync(join(root, "build"), { recursive: true })
  const folder = mkdtempSync(join(root, "build", "language-"))
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [join(root, "scripts", "language.ts"), ...Object.keys(files)],
      { cwd: folder, encoding: "utf8" }
    )
    assert.strictEqual(stderr, "")
    return { status, lines: stdout.trim().split("\n") }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const lines = (...text: ReadonlyArray<string>) => text.join("\n")

const response = "-> say response; or respond, return, reply"

describe("the language check", () => {
  it("reports a word in a comment, a string, a template, a test title, and a Markdown page", () => {
    const { lines: found, status } = check({
      "comment.ts": lines(
        "const a = 1 // The answer",
        "/**",
        " * It slipped past",
        " * the types.",
        " */",
        "const b = 2"
      ),
      "string.ts": lines(
        'const a = "An answer"',
        "const b = `${a} tells ${a}:\\ntold`",
        'const c = { "is under way": 1 }',
        "const d = `news`"
      ),
      "title.test.ts": lines('import { it } from "vitest"', 'it("closes what nobody reads", () => {})'),
      "script.mjs": lines("// It waits until", "// the answer comes", "// again."),
      "page.md": lines("# A page", "", "The answer is", "under way.", "", "```ts", "answer() // its answer", "```")
    })
    assert.deepStrictEqual(found, [
      `comment.ts:1 answer ${response}`,
      "comment.ts:3 slipped past -> say invalid at run time",
      `string.ts:1 answer ${response}`,
      "string.ts:2 tells -> say report, notify, distinguish; or received",
      "string.ts:2 told -> say report, notify, distinguish; or received",
      "string.ts:3 under way -> say in flight",
      "string.ts:4 news -> say a poll result",
      "title.test.ts:2 nobody -> say the subject: a caller, the server, a person",
      `script.mjs:2 answer ${response}`,
      "script.mjs:2 comes again -> say is redelivered, arrives again",
      `page.md:3 answer ${response}`,
      "page.md:4 under way -> say in flight",
      `page.md:7 answer ${response}`,
      "5 files, 13 findings"
    ])
    assert.strictEqual(status, 1)
  })

  it("reports every word of the list, and accepts standard uses of its parts", () => {
    const reported = [
      "The answered call",
      "It retold this",
      "Under way",
      "It was mended",
      "It is taken",
      "It is kept",
      "Whoever calls",
      "Those who call",
      "Nobody calls",
      "A scope of its own",
      "It ends by itself",
      "It does not wait any more",
      "It waits no more.",
      "It slips past",
      "The clock on the wall",
      "It judges",
      "A server that others wrote",
      "It comes again",
      "It doesn't come",
      "The body is no JSON",
      "No news",
      "A sight",
      "It gave it up",
      "Sent as it is",
      "A body at hand",
      "It is not to be had",
      "It is believed",
      "What befalls it",
      "It is spelt"
    ]
    const accepted = [
      "There is no limit, there must be no limit, and it is no longer than no more than three.",
      "It takes a URL, keeps polling, and comes with no more requests."
    ]
    const { lines: found } = check({ "page.md": lines(...reported, ...accepted) })
    assert.deepStrictEqual(
      found.map((line) => /:(\d+)/u.exec(line)?.[1]),
      [...reported.map((_, index) => `${index + 1}`), undefined]
    )
  })

  it("ignores identifiers, regular expressions, module names, paths, inline code, links, and code of other languages", () => {
    const { lines: found, status } = check({
      "code.ts": lines(
        'import { answer } from "answer"',
        'import { told } from "./told.ts"',
        'export const kept = { answer, told: (taken: string) => /answer/u.test(taken), "test/answer.ts": 1 }',
        "/** Calls `answer`, {@link told} and https://example.com/answer. */",
        "export type News = typeof import('./told.ts')",
        "const any = `${kept.told('x')}` // any",
        "export const more = [any, 'more']"
      ),
      "page.md": lines(
        "See [it](./answer.md#told) and ``answer``.",
        "```sh",
        "tell answer",
        "```",
        "There is no limit."
      )
    })
    assert.deepStrictEqual(found, ["2 files, 0 findings"])
    assert.strictEqual(status, 0)
  })

  it("reports a name that src declares, and the same name nowhere else", () => {
    const text = lines("export class Evidence {}", "const longestTimer = 1", "const use = [stackless, longestTimer]")
    assert.deepStrictEqual(check({ "src/domain/A.ts": text, "test/A.ts": text }).lines, [
      "src/domain/A.ts:1 Evidence -> say ResponseDetails",
      "src/domain/A.ts:2 longestTimer -> say maxTimer",
      "2 files, 2 findings"
    ])
  })
})
