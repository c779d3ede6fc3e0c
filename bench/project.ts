// The project that the benchmarks measure: the packed package, installed with the other candidates.
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { runSync } from "../scripts/run.ts"

export const bench = import.meta.dirname
const root = join(bench, "..")
const build = join(bench, "build")

export const bin = (name: string): string => join(root, "node_modules", ".bin", name)

/** The installed version of a candidate. */
export const versionOf = (name: string): string => {
  const manifest = JSON.parse(readFileSync(join(bench, "node_modules", name, "package.json"), "utf8")) as {
    readonly version: string
  }
  return manifest.version
}

/** Installs the candidates if their lock file has changed, packs and installs the package, and runs the generators. */
export const prepare = (): void => {
  const lock = readFileSync(join(bench, "package-lock.json"), "utf8")
  const stamp = join(bench, "node_modules", ".installed")
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
    runSync(bench, "npm", "ci", "--no-audit", "--no-fund")
    writeFileSync(stamp, lock)
  }
  rmSync(build, { recursive: true, force: true })
  mkdirSync(build)
  runSync(root, "npm", "pack", "--pack-destination", build)
  const tarballs = globSync("*.tgz", { cwd: build })
  runSync(bench, "npm", "install", "--no-save", "--no-audit", "--no-fund", ...tarballs.map((name) => join(build, name)))
  writeFileSync(join(build, "openapi.json"), JSON.stringify(documentForGenerators()))
  runSync(bench, process.execPath, join(bench, "workers", "generate.ts"))
  runSync(bench, bin("tsc"), "--project", bench)
}

interface Operation {
  operationId?: string
  readonly responses: Record<string, { readonly content: Record<string, unknown> }>
}
interface ObjectSchema {
  $ref?: string
  required: ReadonlyArray<string>
  properties: Record<string, unknown>
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, ObjectSchema> & { readonly Error: ObjectSchema } }
}

/** The OpenAPI document without keywords that the generators do not support, and with an id for each operation. */
const documentForGenerators = (): Document => {
  const path = join(root, "test", "testing", "contract", "openapi.json")
  const document = JSON.parse(readFileSync(path, "utf8"), (key, value: unknown) =>
    ["unevaluatedProperties", "additionalProperties", "if", "then", "else"].includes(key) ? undefined : value
  ) as Document
  const { schemas } = document.components
  for (const schema of Object.values(schemas)) {
    if (schema.$ref === undefined) continue
    delete schema.$ref
    schema.required = schemas.Error.required
    schema.properties = { ...schemas.Error.properties, ...schema.properties }
  }
  const operationIds = { "/oauth2/token/": "token", "/api/v1/supportTickets/": "create" }
  for (const [path, operations] of Object.entries(document.paths)) {
    if (!path.endsWith("/")) {
      delete document.paths[path]
      continue
    }
    for (const operation of Object.values(operations)) {
      operation.operationId = (operationIds as Record<string, string>)[path] ?? "retrieve"
      for (const { content } of Object.values(operation.responses)) delete content["text/html"]
    }
  }
  return document
}
