// What is measured is what users install: the packed package, beside the other candidates, in a project of its own.
import { spawnSync } from "node:child_process"
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export const bench = import.meta.dirname
const root = join(bench, "..")
const build = join(bench, "build")

export const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): string => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: "utf8" })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`)
  return stdout
}

export const bin = (name: string): string => join(root, "node_modules", ".bin", name)

/** The version of a package as it is installed beside the candidates. */
export const versionOf = (name: string): string => {
  const manifest = JSON.parse(readFileSync(join(bench, "node_modules", name, "package.json"), "utf8")) as {
    readonly version: string
  }
  return manifest.version
}

/** Installs the candidates on first use, packs and installs the package, and has the generators generate. */
export const prepare = (): void => {
  const lock = readFileSync(join(bench, "package-lock.json"), "utf8")
  const stamp = join(bench, "node_modules", ".installed")
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
    run(bench, "npm", "ci", "--no-audit", "--no-fund")
    writeFileSync(stamp, lock)
  }
  rmSync(build, { recursive: true, force: true })
  mkdirSync(build)
  run(root, "npm", "pack", "--pack-destination", build)
  const tarballs = globSync("*.tgz", { cwd: build })
  run(bench, "npm", "install", "--no-save", "--no-audit", "--no-fund", ...tarballs.map((name) => join(build, name)))
  writeFileSync(join(build, "openapi.json"), JSON.stringify(plainDocument()))
  run(bench, process.execPath, join(bench, "workers", "generate.ts"))
  run(bench, bin("tsc"), "--project", bench)
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

/** The API's document without what the generators do not know, and with the operation ids that name what they make. */
const plainDocument = (): Document => {
  const path = join(root, "test", "contract", "openapi.json")
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
  const named = { "/oauth2/token/": "token", "/api/v1/supportTickets/": "create" }
  for (const [path, operations] of Object.entries(document.paths)) {
    if (!path.endsWith("/")) {
      delete document.paths[path]
      continue
    }
    for (const operation of Object.values(operations)) {
      operation.operationId = (named as Record<string, string>)[path] ?? "retrieve"
      for (const { content } of Object.values(operation.responses)) delete content["text/html"]
    }
  }
  return document
}
