import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { dirname, posix } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"

/** The text of each source file by its path from the root of the repository. */
type Sources = ReadonlyMap<string, string>

const root = fileURLToPath(new URL("..", import.meta.url))
const sources: Sources = new Map(
  globSync("src/**/*.ts", { cwd: root }).map((path) => [path, readFileSync(`${root}/${path}`, "utf8")])
)

const parse = (path: string, text: string) => ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true)

/** Every module that a file names, whether for a value, for a type, or in a dynamic import. */
const importsOf = (path: string, text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      found.push(...literal(node.moduleSpecifier))
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push(...literal(node.argument.literal))
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      found.push(...node.arguments.flatMap(literal))
    }
    ts.forEachChild(node, visit)
  }
  visit(parse(path, text))
  return found
}
const literal = (node: ts.Node) => (ts.isStringLiteralLike(node) ? [node.text] : [])

const resolve = (from: string, specifier: string) =>
  specifier.startsWith(".") ? posix.join(dirname(from), specifier) : specifier

const edgesOf = (files: Sources): ReadonlyArray<readonly [from: string, to: string]> =>
  [...files].flatMap(([path, text]) =>
    importsOf(path, text).map((specifier) => [path, resolve(path, specifier)] as const)
  )

/** Everything that loading the `entries` loads: files by their path, packages by their specifier. */
const reachedFrom = (files: Sources, entries: ReadonlyArray<string>): ReadonlySet<string> => {
  const edges = edgesOf(files)
  const reached = new Set(entries)
  // A set yields what is added to it while it is walked.
  for (const path of reached) for (const [from, to] of edges) if (from === path) reached.add(to)
  return reached
}

const within = (folder: string) => (path: string) => path.startsWith(`src/${folder}/`)

const arrows = (edges: ReadonlyArray<readonly [string, string]>) => edges.map(([from, to]) => `${from} -> ${to}`)

const rules: Record<string, (files: Sources) => ReadonlyArray<string>> = {
  "the root entry reaches modules of Effect and own files, and no test double or command line": (files) =>
    [...reachedFrom(files, ["src/index.ts"])].filter(
      (path) => !/^effect\/|^src\//u.test(path) || within("testing")(path) || within("cli")(path)
    ),
  "domain does not reach services or layers": (files) =>
    [...reachedFrom(files, [...files.keys()].filter(within("domain")))].filter(
      (path) => within("services")(path) || within("layers")(path)
    ),
  "services do not reach layers": (files) =>
    [...reachedFrom(files, [...files.keys()].filter(within("services")))].filter(within("layers")),
  "only the test doubles import the test doubles": (files) =>
    arrows(edgesOf(files).filter(([from, to]) => !within("testing")(from) && within("testing")(to))),
  "only the command line imports modules of Node.js": (files) =>
    arrows(edgesOf(files).filter(([from, to]) => !within("cli")(from) && /^node:|^@effect\/platform-node/u.test(to))),
  "modules of Effect are imported one by one": (files) =>
    arrows(edgesOf(files).filter(([, to]) => /^effect(?:\/[a-z][^/]*)*$/u.test(to))),
  "relative imports name a file that exists": (files) =>
    arrows(edgesOf(files).filter(([, to]) => to.startsWith("src/") && !files.has(to)))
}

/** Exports of an entry, followed through its re-exports, whose doc block is missing or lacks a tag. */
const undocumented = (files: Sources, entry: string): ReadonlyArray<string> => {
  const missing: Array<string> = []
  const seen = new Set<string>()
  const visitFile = (path: string, only?: ReadonlySet<string>): void => {
    const key = `${path} ${only === undefined ? "*" : [...only].join()}`
    const text = files.get(path)
    if (text === undefined || seen.has(key)) return
    seen.add(key)
    const file = parse(path, text)
    const report = (node: ts.Node, name: string) => {
      const tags = ts.getJSDocTags(node)
      const has = (tag: string) => tags.some(({ tagName }) => tagName.text === tag)
      const since = ts.getTextOfJSDocComment(tags.find(({ tagName }) => tagName.text === "since")?.comment)
      if (has("internal")) return
      if (!/^\d+\.\d+\.\d+$/u.test(since ?? "") || !has("category")) {
        const { line } = file.getLineAndCharacterOfPosition(node.getStart(file))
        missing.push(`${path}:${line + 1} ${name}`)
      }
    }
    const overloaded = new Set<string>()
    for (const node of file.statements) {
      if (ts.isExportDeclaration(node)) {
        const target =
          node.moduleSpecifier === undefined ? path : literal(node.moduleSpecifier).map((s) => resolve(path, s))[0]
        if (target === undefined) continue
        if (node.exportClause === undefined) {
          if (only === undefined) visitFile(target)
        } else if (ts.isNamespaceExport(node.exportClause)) {
          report(node, node.exportClause.name.text)
          visitFile(target)
        } else {
          visitFile(
            target,
            new Set(node.exportClause.elements.map(({ name, propertyName }) => (propertyName ?? name).text))
          )
        }
        continue
      }
      const exported =
        ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
      for (const name of namesOf(node)) {
        if (only === undefined ? !exported : !only.has(name)) continue
        // The first signature of an overloaded function speaks for the others.
        if (ts.isFunctionDeclaration(node) && overloaded.has(name)) continue
        if (ts.isFunctionDeclaration(node)) overloaded.add(name)
        report(node, name)
      }
    }
  }
  visitFile(entry)
  return missing
}
const namesOf = (node: ts.Statement): ReadonlyArray<string> => {
  if (ts.isVariableStatement(node)) return node.declarationList.declarations.map(({ name }) => name.getText())
  return ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isModuleDeclaration(node) ||
    ts.isEnumDeclaration(node)
    ? [node.name?.text ?? "default"]
    : []
}

const entries = ["src/index.ts", "src/testing/index.ts"]

describe("architecture", () => {
  for (const [name, check] of Object.entries(rules)) {
    it(name, () => {
      assert.deepStrictEqual(check(sources), [])
    })
  }

  for (const entry of entries) {
    it(`every export of ${entry} says since when it is there, and in which category it is`, () => {
      assert.isTrue(sources.has(entry))
      assert.deepStrictEqual(undocumented(sources, entry), [])
    })
  }
})

describe("the architecture checks themselves", () => {
  const violations: ReadonlyArray<
    readonly [rule: keyof typeof rules, files: Record<string, string>, expected: Array<string>]
  > = [
    [
      "the root entry reaches modules of Effect and own files, and no test double or command line",
      {
        "src/index.ts": `export * from "./domain/A.ts"`,
        "src/domain/A.ts": `import type { Z } from "zod"\nexport const a = () => import("../testing/B.ts")`,
        "src/testing/B.ts": `import * as Effect from "effect/Effect"`
      },
      ["zod", "src/testing/B.ts"]
    ],
    [
      "domain does not reach services or layers",
      {
        "src/domain/A.ts": `import { b } from "../internal/b.ts"`,
        "src/internal/b.ts": `import type { C } from "../services/C.ts"`,
        "src/services/C.ts": ""
      },
      ["src/services/C.ts"]
    ],
    [
      "services do not reach layers",
      { "src/services/A.ts": `export type B = import("../layers/B.ts").B` },
      ["src/layers/B.ts"]
    ],
    [
      "only the test doubles import the test doubles",
      { "src/layers/A.ts": `export { b } from "../testing/B.ts"`, "src/testing/C.ts": `import "./B.ts"` },
      ["src/layers/A.ts -> src/testing/B.ts"]
    ],
    [
      "only the command line imports modules of Node.js",
      { "src/testing/A.ts": `import * as Http from "node:http"`, "src/cli/B.ts": `import * as Http from "node:http"` },
      ["src/testing/A.ts -> node:http"]
    ],
    [
      "modules of Effect are imported one by one",
      { "src/A.ts": `import { Effect } from "effect"\nimport "effect/http"\nimport "effect/http/HttpClient"` },
      ["src/A.ts -> effect", "src/A.ts -> effect/http"]
    ],
    [
      "relative imports name a file that exists",
      { "src/A.ts": `import "./B.ts"\nimport "./A.js"`, "src/B.ts": "" },
      ["src/A.ts -> src/A.js"]
    ]
  ]

  for (const [rule, files, expected] of violations) {
    it(`catch a violation of: ${rule}`, () => {
      assert.deepStrictEqual(rules[rule]?.(new Map(Object.entries(files))), expected)
    })
  }

  it("try every rule", () => {
    assert.deepStrictEqual(new Set(violations.map(([rule]) => rule)), new Set(Object.keys(rules)))
  })

  it("catch an export without its tags, and no other", () => {
    const documented = "/**\n * Says what it is.\n *\n * @category models\n * @since 0.1.0\n */\n"
    const files = new Map([
      ["src/index.ts", `export * from "./A.ts"\nexport { b } from "./B.ts"\n${documented}export * as C from "./C.ts"`],
      [
        "src/A.ts",
        `${documented}export const good = 1
export const bare = 1
/** @since 0.1.0 */
export type NoCategory = 1
/** @category models */
export interface NoSince {}
/** @category models @since next */
export class NoVersion {}
/** @internal */
export const hidden = 1
const own = 1
${documented}export function twice(a: string): void
export function twice(a: number): void`
      ],
      ["src/B.ts", "const b = 1\nexport const notReached = 1\nexport { b }"],
      ["src/C.ts", "export function c() {}"]
    ])
    assert.deepStrictEqual(undocumented(files, "src/index.ts"), [
      "src/A.ts:8 bare",
      "src/A.ts:10 NoCategory",
      "src/A.ts:12 NoSince",
      "src/A.ts:14 NoVersion",
      "src/B.ts:1 b",
      "src/C.ts:1 c"
    ])
  })
})
