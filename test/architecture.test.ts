import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import {
  allImports,
  docTag,
  type Import,
  loadedBy,
  moduleComment,
  type Modules,
  parseModules,
  placeOf,
  type PublicExport,
  publicExports,
  showsTypesOf
} from "./support/modules.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

const modules = parseModules(
  Object.fromEntries(
    globSync("src/**/*.ts", { cwd: root }).map((path) => [path, readFileSync(`${root}/${path}`, "utf8")])
  )
)

const entries = ["src/index.ts", "src/durable.ts", "src/testing/index.ts", "src/node/index.ts"]

const isIn = (folder: string, path: string) => path.startsWith(`src/${folder}/`)
const isInOneOf = (folders: ReadonlyArray<string>, path: string) => folders.some((folder) => isIn(folder, path))

const violatingImports = (modules: Modules, isViolation: (edge: Import) => boolean) =>
  allImports(modules)
    .filter(isViolation)
    .map(({ from, to }) => `${from} -> ${to}`)

/** Files in `folder` import nothing but Effect and files in `allowed`. */
const importsOnly = (folder: string, allowed: ReadonlyArray<string>) => (modules: Modules) =>
  violatingImports(
    modules,
    ({ from, to }) => isIn(folder, from) && !to.startsWith("effect/") && !isInOneOf(allowed, to)
  )

const allPublicExports = (modules: Modules) => entries.flatMap((entry) => publicExports(modules, entry))

/** The files that declare what the entry points export. */
const publicFiles = (modules: Modules) =>
  [...new Set(allPublicExports(modules).map(({ path }) => path))].filter((path) => !entries.includes(path))

const isDocumented = ({ node }: PublicExport) =>
  /^\d+\.\d+\.\d+$/u.test(docTag(node, "since") ?? "") && docTag(node, "category") !== undefined

const isInternal = ({ node }: PublicExport) => docTag(node, "internal") !== undefined

const unstableModules = /^effect\/(?:http|crypto|persistence)\//u

const internalExports = new Set(["Classification", "RawResponse", "ResponseDetails", "classify", "maxBodyBytes"])

interface Rule {
  /** What violates the rule, such as an import or a file. */
  readonly check: (modules: Modules) => ReadonlyArray<string>
  /** Files that violate the rule and files that do not, and what `check` returns for them. */
  readonly example: { readonly files: Readonly<Record<string, string>>; readonly expected: ReadonlyArray<string> }
}

const rules: Record<string, Rule> = {
  "domain imports only domain": {
    check: importsOnly("domain", ["domain"]),
    example: {
      files: {
        "src/domain/A.ts": `import "./B.ts"\nimport "effect/Effect"\nimport type { C } from "../internal/c.ts"`
      },
      expected: ["src/domain/A.ts -> src/internal/c.ts"]
    }
  },
  "internal imports only internal and domain": {
    check: importsOnly("internal", ["internal", "domain"]),
    example: {
      files: {
        "src/internal/http/a.ts": `import "../../domain/B.ts"\nimport type { C } from "../../services/C.ts"`,
        "src/internal/token/d.ts": `import "../http/a.ts"\nexport type E = import("../../layers/E.ts").E`
      },
      expected: ["src/internal/http/a.ts -> src/services/C.ts", "src/internal/token/d.ts -> src/layers/E.ts"]
    }
  },
  "services import only services, internal and domain": {
    check: importsOnly("services", ["services", "internal", "domain"]),
    example: {
      files: { "src/services/A.ts": `import "./B.ts"\nexport type C = import("../layers/C.ts").C` },
      expected: ["src/services/A.ts -> src/layers/C.ts"]
    }
  },
  "layers import only layers, services, internal and domain": {
    check: importsOnly("layers", ["layers", "services", "internal", "domain"]),
    example: {
      files: { "src/layers/A.ts": `import "./B.ts"\nimport "../services/C.ts"\nimport "../index.ts"` },
      expected: ["src/layers/A.ts -> src/index.ts"]
    }
  },
  "only testing imports testing": {
    check: (modules) => violatingImports(modules, ({ from, to }) => !isIn("testing", from) && isIn("testing", to)),
    example: {
      files: { "src/layers/A.ts": `export { b } from "../testing/B.ts"`, "src/testing/C.ts": `import "./B.ts"` },
      expected: ["src/layers/A.ts -> src/testing/B.ts"]
    }
  },
  "only cli and node import modules of Node.js": {
    check: (modules) =>
      violatingImports(
        modules,
        ({ from, to }) => !isInOneOf(["cli", "node"], from) && /^node:|^@effect\/platform-node/u.test(to)
      ),
    example: {
      files: {
        "src/testing/A.ts": `import * as Http from "node:http"`,
        "src/cli/B.ts": `import * as Http from "node:http"`,
        "src/node/C.ts": `import * as Http from "node:http"`
      },
      expected: ["src/testing/A.ts -> node:http"]
    }
  },
  "the root entry loads only Effect and src, without testing, cli and node": {
    check: (modules) =>
      loadedBy(modules, "src/index.ts").filter(
        (path) => !/^(?:effect|src)\//u.test(path) || isInOneOf(["testing", "cli", "node"], path)
      ),
    example: {
      files: {
        "src/index.ts": `export * from "./domain/A.ts"`,
        "src/domain/A.ts": `import type { Z } from "zod"\nexport const a = () => import("../testing/B.ts")`,
        "src/testing/B.ts": `import * as Effect from "effect/Effect"`
      },
      expected: ["zod", "src/testing/B.ts"]
    }
  },
  "modules of Effect are imported by their own path": {
    check: (modules) => violatingImports(modules, ({ to }) => /^effect(?:\/[a-z][^/]*)*$/u.test(to)),
    example: {
      files: { "src/A.ts": `import { Effect } from "effect"\nimport "effect/http"\nimport "effect/http/HttpClient"` },
      expected: ["src/A.ts -> effect", "src/A.ts -> effect/http"]
    }
  },
  "relative imports name a file that exists": {
    check: (modules) => violatingImports(modules, ({ to }) => to.startsWith("src/") && !modules.has(to)),
    example: {
      files: { "src/A.ts": `import "./B.ts"\nimport "./A.js"`, "src/B.ts": "" },
      expected: ["src/A.ts -> src/A.js"]
    }
  },
  "files in internal are in a subject folder, or are options, metrics or tracing": {
    check: (modules) =>
      [...modules.keys()].filter(
        (path) =>
          isIn("internal", path) &&
          !isInOneOf(
            ["http", "token", "tickets", "webhooks", "durable"].map((subject) => `internal/${subject}`),
            path
          ) &&
          !/^src\/internal\/(?:options|metrics|tracing)\.ts$/u.test(path)
      ),
    example: {
      files: {
        "src/internal/helpers.ts": "",
        "src/internal/misc/a.ts": "",
        "src/internal/options.ts": "",
        "src/internal/http/retry.ts": ""
      },
      expected: ["src/internal/helpers.ts", "src/internal/misc/a.ts"]
    }
  },
  "files with public exports are named in PascalCase": {
    check: (modules) => publicFiles(modules).filter((path) => !/^[A-Z]/u.test(basename(path))),
    example: {
      files: {
        "src/index.ts": `export { a } from "./domain/a.ts"\nexport * from "./services/B.ts"`,
        "src/domain/a.ts": "export const a = 1",
        "src/domain/unexported.ts": "export const c = 1",
        "src/services/B.ts": "export const b = 1"
      },
      expected: ["src/domain/a.ts"]
    }
  },
  "files in internal folders are named in camelCase": {
    check: (modules) =>
      [...modules.keys()].filter((path) => path.includes("/internal/") && !/^[a-z]/u.test(basename(path))),
    example: {
      files: { "src/internal/http/A.ts": "", "src/internal/http/b.ts": "", "src/testing/internal/C.ts": "" },
      expected: ["src/internal/http/A.ts", "src/testing/internal/C.ts"]
    }
  },
  "the entry points only re-export": {
    check: (modules) =>
      allPublicExports(modules)
        .filter(({ node, path }) => entries.includes(path) && !ts.isExportDeclaration(node))
        .map(placeOf),
    example: {
      files: {
        "src/index.ts": `export * as A from "./layers/A.ts"\nexport const b = 1`,
        "src/layers/A.ts": "export const a = 1"
      },
      expected: ["src/index.ts:2 b"]
    }
  },
  "the root entry exports no constructor but makePollingSchedule, and nothing of the classification": {
    check: (modules) =>
      publicExports(modules, "src/index.ts")
        .filter(({ isTopLevel }) => isTopLevel)
        .map(({ name }) => name)
        .filter((name) => (/^make[A-Z]/u.test(name) && name !== "makePollingSchedule") || internalExports.has(name)),
    example: {
      files: {
        "src/index.ts": `export * from "./services/A.ts"
export { type Raw as RawResponse, makePollingSchedule } from "./domain/B.ts"
export * as C from "./layers/C.ts"`,
        "src/services/A.ts": "export const makeA = 1\nexport class A {}",
        "src/domain/B.ts": "export const makePollingSchedule = 1\nexport interface Raw {}\nexport const classify = 1",
        "src/layers/C.ts": "export const makeInNamespace = 1"
      },
      expected: ["makeA", "RawResponse"]
    }
  },
  "each public file begins with a module comment that has @since": {
    check: (modules) =>
      publicFiles(modules).filter((path) => {
        const module = modules.get(path)
        return module === undefined || !/@since \d+\.\d+\.\d+/u.test(moduleComment(module) ?? "")
      }),
    example: {
      files: {
        "src/index.ts": ["Good", "NoImports", "None", "OnlyOfExport", "NoSince"]
          .map((name) => `export * from "./domain/${name}.ts"`)
          .join("\n"),
        "src/domain/Good.ts": `/**\n * A module.\n *\n * @since 0.1.0\n */\nimport "effect/Effect"\nexport const a = 1`,
        "src/domain/NoImports.ts":
          "/** A module. @since 0.1.0 */\n\n/** An export. @since 0.1.0 */\nexport const b = 1",
        "src/domain/None.ts": `import "effect/Effect"\n/** An export. @since 0.1.0 */\nexport const c = 1`,
        "src/domain/OnlyOfExport.ts": "/** An export. @since 0.1.0 */\nexport const d = 1",
        "src/domain/NoSince.ts": `/** A module. */\nimport "effect/Effect"\nexport const e = 1`
      },
      expected: ["src/domain/None.ts", "src/domain/OnlyOfExport.ts", "src/domain/NoSince.ts"]
    }
  },
  "every export has @since and @category": {
    check: (modules) =>
      allPublicExports(modules)
        .filter((exported) => !isInternal(exported) && !isDocumented(exported))
        .map(placeOf),
    example: {
      files: {
        "src/index.ts": `export * from "./A.ts"
export { b } from "./B.ts"
/**
 * @category models
 * @since 0.1.0
 */
export * as C from "./C.ts"`,
        "src/A.ts": `/** @category models @since 0.1.0 */
export const good = 1
export const bare = 1
/** @since 0.1.0 */
export type NoCategory = 1
/** @category models */
export interface NoSince {}
/** @category models @since next */
export class NoVersion {}
/** @internal */
export const hidden = 1
const unexported = 1
/** @category models @since 0.1.0 */
export function overloaded(a: string): void
export function overloaded(a: number): void`,
        "src/B.ts": "const b = 1\nexport const notExported = 1\nexport { b }",
        "src/C.ts": "export function c() {}",
        "src/testing/index.ts": "export const d = 1"
      },
      expected: [
        "src/A.ts:3 bare",
        "src/A.ts:5 NoCategory",
        "src/A.ts:7 NoSince",
        "src/A.ts:9 NoVersion",
        "src/B.ts:1 b",
        "src/C.ts:1 c",
        "src/testing/index.ts:1 d"
      ]
    }
  },
  "exports whose types name effect/http, effect/crypto or effect/persistence have @stability unstable": {
    check: (modules) =>
      allPublicExports(modules)
        .filter(({ node }) => showsTypesOf(node, unstableModules) && docTag(node, "stability") !== "unstable")
        .map(placeOf),
    example: {
      files: {
        "src/index.ts": `export * from "./A.ts"`,
        "src/A.ts": `import { HttpClient } from "effect/http/HttpClient"
import * as Mac from "effect/crypto/Mac"
import type * as Effect from "effect/Effect"
export const annotated: Effect.Effect<void, never, HttpClient> = 1
export const arrow = (mac: Mac.Mac) => 1
export interface Shape { readonly client: HttpClient }
export class Service { static readonly layer: Effect.Effect<HttpClient> = 1 }
export function declared(): Mac.Mac { return 1 }
/** @stability unstable */
export const marked: HttpClient = 1
export const inBody = () => { const client: HttpClient = 1; return Mac.key(client) }
export const asValue = Effect.provide(HttpClient)
export const stable: Effect.Effect<void> = 1`
      },
      expected: [
        "src/A.ts:4 annotated",
        "src/A.ts:5 arrow",
        "src/A.ts:6 Shape",
        "src/A.ts:7 Service",
        "src/A.ts:8 declared"
      ]
    }
  }
}

describe("src", () => {
  it("contains the entry points", () => {
    for (const entry of entries) assert.isTrue(modules.has(entry))
  })

  for (const [rule, { check }] of Object.entries(rules)) {
    it(`keeps the rule: ${rule}`, () => {
      assert.deepStrictEqual(check(modules), [])
    })
  }
})

describe("the check of the rule", () => {
  for (const [rule, { check, example }] of Object.entries(rules)) {
    it(`finds the violations in an example: ${rule}`, () => {
      assert.isAbove(example.expected.length, 0)
      assert.deepStrictEqual(check(parseModules(example.files)), example.expected)
    })
  }
})
