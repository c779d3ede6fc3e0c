// `npm run test:docs`: compiles every TypeScript block of the documentation and of the doc comments against the sources,
// with the project's strict options, and reports each error at its line. Paths as arguments replace the project's own
// files.
import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import manifest from "../package.json" with { type: "json" }

interface Block {
  readonly file: string
  readonly line: number
  readonly language: string
  readonly code: ReadonlyArray<string>
}

const compiled = new Set(["ts", "typescript"])
// A block in any other language, or without a language, fails: it may be code that is never compiled.
const notCode = new Set(["sh", "text", "json", "yaml", "diff", "mermaid", "http"])

const root = join(import.meta.dirname, "..")

const blocksOf = (file: string): ReadonlyArray<Block> => {
  const blocks: Array<Block> = []
  // In a source file, only lines of doc comments can open a block.
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

/** The source of each entry point. An import of any other path of the package does not compile. */
const sources = Object.fromEntries(
  Object.entries(manifest.exports).flatMap(([path, target]) =>
    typeof target === "string"
      ? []
      : [
          [
            path.replace(/^\./u, manifest.name),
            [join(root, target.types.replace("dist", "src").replace(".d.ts", ".ts"))]
          ]
        ]
  )
)

const programs = blocks.filter(({ language }) => compiled.has(language))
mkdirSync(join(root, "build"), { recursive: true })
const folder = mkdtempSync(join(root, "build", "docs-blocks-"))
try {
  for (const [index, { code, line }] of programs.entries()) {
    // Blank lines in front give each line of code the line number that it has in its document.
    writeFileSync(join(folder, `${index}.ts`), "\n".repeat(line) + code.join("\n") + "\n")
  }
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.json",
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false, paths: sources },
      include: ["*.ts"]
    })
  )
  const tsc = spawnSync("tsc", ["--project", folder, "--pretty", "false"], { cwd: folder, encoding: "utf8" })
  if (tsc.error !== undefined) throw tsc.error
  let attributed = 0
  for (const [, index, line, message = ""] of tsc.stdout.matchAll(/^(\d+)\.ts\((\d+),\d+\): (.*)$/gmu)) {
    const block = programs[Number(index)]
    if (block === undefined) continue
    attributed += 1
    fail(block, Number(line), message)
  }
  // A compiler failure without an error in a block, such as an empty program, must not count as success.
  if (tsc.status !== 0 && attributed === 0) throw new Error(`tsc failed:\n${tsc.stdout}${tsc.stderr}`)
} finally {
  rmSync(folder, { recursive: true })
}

for (const message of [...failures.values()].flat()) console.log(message)
const passed = programs.filter((block) => !failures.has(block)).length
console.log(`${passed} passed, ${failures.size} failed`)
process.exitCode = failures.size > 0 ? 1 : 0
