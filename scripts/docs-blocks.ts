// Compiles every block of TypeScript in the documentation and in the doc comments, as one strict program against the
// sources, and reports what fails by the line where it is written. Paths as arguments replace the project's own files.
import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

interface Block {
  readonly file: string
  readonly line: number
  readonly language: string
  readonly code: ReadonlyArray<string>
}

const compiled = new Set(["ts", "typescript"])
// A block in any other language, or in none, could be code that nobody compiles.
const notCode = new Set(["sh", "text", "json", "yaml", "diff", "mermaid", "http"])

const root = join(import.meta.dirname, "..")

const blocksOf = (file: string): ReadonlyArray<Block> => {
  const blocks: Array<Block> = []
  // In a source, only lines with the margin of a doc comment can open a block.
  const margin = file.endsWith(".ts") ? /^\s*\* ?/u : /^/u
  let open: (Block & { readonly code: Array<string>; readonly indent: string; readonly fence: string }) | undefined
  for (const [index, source] of readFileSync(join(root, file), "utf8").split("\n").entries()) {
    const line = source.replace(margin, "")
    if (open === undefined) {
      const [, indent = "", fence, language = ""] = /^(\s*)(`{3,}|~{3,})\s*([^\s`{]*)/u.exec(line) ?? []
      if (fence !== undefined && margin.test(source))
        open = { file, line: index + 1, language, code: [], indent, fence }
    } else if (line.trim() === open.fence) {
      blocks.push(open)
      open = undefined
    } else {
      open.code.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line)
    }
  }
  return open === undefined ? blocks : [...blocks, { ...open, language: "(never closed)" }]
}

const files =
  process.argv.length > 2
    ? process.argv.slice(2)
    : globSync(["README.md", "docs/**/*.md", "src/**/*.ts"], { cwd: root, exclude: ["docs/api/**"] })
const blocks = files.toSorted().flatMap(blocksOf)
const failures = new Map<Block, Array<string>>()
const fail = (block: Block, line: number, message: string) => {
  failures.set(block, [...(failures.get(block) ?? []), `${block.file}:${line} ${message}`])
}

for (const block of blocks) {
  if (compiled.has(block.language) || notCode.has(block.language)) continue
  fail(block, block.line, `a block in an unknown language: ${block.language || "(none)"}`)
}

const programs = blocks.filter(({ language }) => compiled.has(language))
mkdirSync(join(root, "build"), { recursive: true })
const folder = mkdtempSync(join(root, "build", "docs-blocks-"))
try {
  for (const [index, { code, line }] of programs.entries()) {
    // Blank lines put each line of the code where it is in its document.
    writeFileSync(join(folder, `${index}.ts`), "\n".repeat(line) + code.join("\n") + "\n")
  }
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.json",
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
      include: ["*.ts"]
    })
  )
  const tsc = spawnSync("tsc", ["--project", folder, "--pretty", "false"], { cwd: folder, encoding: "utf8" })
  if (tsc.error !== undefined) throw tsc.error
  let blamed = 0
  for (const [, index, line, message = ""] of tsc.stdout.matchAll(/^(\d+)\.ts\((\d+),\d+\): (.*)$/gmu)) {
    const block = programs[Number(index)]
    if (block === undefined) continue
    blamed += 1
    fail(block, Number(line), message)
  }
  // An error outside of the blocks, or no program at all, must not pass for success.
  if (tsc.status !== 0 && blamed === 0) throw new Error(`tsc failed:\n${tsc.stdout}${tsc.stderr}`)
} finally {
  rmSync(folder, { recursive: true })
}

for (const message of [...failures.values()].flat()) console.log(message)
const passed = programs.filter((block) => !failures.has(block)).length
console.log(`${passed} passed, ${failures.size} failed`)
process.exitCode = failures.size > 0 ? 1 : 0
