import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, posix } from "node:path"
import { fileURLToPath } from "node:url"
import * as Schema from "effect/Schema"
import * as esbuild from "esbuild"
import manifest from "../../../package.json" with { type: "json" }

// The package as its users get it: packed, installed into an empty project, compiled, run and bundled there. It packs
// what is in dist/, so build first.

const root = fileURLToPath(new URL("../../..", import.meta.url))
const bin = (name: string) => join(root, "node_modules", ".bin", name)

const run = (cwd: string, command: string, ...args: ReadonlyArray<string>) => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: "utf8" })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`)
  return stdout
}

const Versions = Schema.fromJsonString(Schema.Union([Schema.String, Schema.Array(Schema.String)]))
const SourceMap = Schema.fromJsonString(Schema.Struct({ sources: Schema.Array(Schema.String) }))
const Nodes = Schema.fromJsonString(Schema.Array(Schema.Struct({ version: Schema.String })))

/** Both ends of a range, as far as there are versions of it: one version, if they are the same. */
const ends = (name: string, range: string): ReadonlyArray<string> => {
  const listed = run(root, "npm", "view", `${name}@${range}`, "version", "--json")
  const ascending = [Schema.decodeSync(Versions)(listed)].flat()
  return [...new Set([...ascending.slice(0, 1), ...ascending.slice(-1)])]
}

const workspace = mkdtempSync(join(tmpdir(), "effect-ripio-tickets-"))
let tarball = ""
let files: ReadonlyArray<string> = []

beforeAll(() => {
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", workspace]
  tarball = join(workspace, `${manifest.name}-${manifest.version}.tgz`)
  run(root, "npm", ...pack)
  files = run(workspace, "tar", "-tzf", tarball)
    .trim()
    .split("\n")
    .map((path) => path.replace(/^package\//u, ""))
})

afterAll(() => {
  rmSync(workspace, { recursive: true })
})

describe("the packed package", () => {
  it("holds the build, its sources and the papers, and nothing else", () => {
    const papers = ["CHANGELOG.md", "LICENSE", "README.md", "package.json"]
    const rest = files.filter((path) => !/^(dist\/.*\.(js|d\.ts)(\.map)?|src\/.*\.ts)$/u.test(path))
    assert.deepStrictEqual(rest.toSorted(), papers)
  })

  it("has declarations for each module, and source maps that lead to a source in the package", () => {
    const missing = files
      .filter((path) => path.endsWith(".js"))
      .flatMap((path) => {
        const declarations = path.replace(/js$/u, "d.ts")
        const maps = [`${path}.map`, `${declarations}.map`]
        const led = maps
          .filter((map) => files.includes(map))
          .flatMap((map) => {
            const { sources } = Schema.decodeSync(SourceMap)(run(workspace, "tar", "-xzOf", tarball, `package/${map}`))
            return sources.map((source) => posix.join(posix.dirname(map), source))
          })
        return [declarations, ...maps, ...led].filter((needed) => !files.includes(needed))
      })
    assert.isAbove(files.filter((path) => path.endsWith(".js")).length, 0)
    assert.deepStrictEqual(missing, [])
  })

  it("satisfies publint", () => {
    run(workspace, bin("publint"), "run", tarball, "--strict")
  })

  it("resolves its types in every kind of module that can import it", () => {
    run(workspace, bin("attw"), tarball, "--profile", "esm-only", "--no-emoji")
  })
})

const consumer = join(import.meta.dirname, "consumer.ts")
const tsconfig = {
  compilerOptions: {
    target: "ES2022",
    lib: ["ES2023", "DOM", "DOM.Iterable"],
    module: "NodeNext",
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false
  },
  files: ["main.ts"]
}

for (const effect of ends("effect", manifest.peerDependencies.effect)) {
  describe(`a project with effect ${effect}`, () => {
    const project = join(workspace, `effect-${effect}`)
    const floor = manifest.engines.node.replace(/^>=/u, "")

    beforeAll(() => {
      mkdirSync(project)
      copyFileSync(consumer, join(project, "main.ts"))
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify(tsconfig))
      const dependencies = { [manifest.name]: `file:${tarball}`, effect, node: ends("node", manifest.engines.node)[0] }
      writeFileSync(
        join(project, "package.json"),
        JSON.stringify({ type: "module", dependencies, allowScripts: { node: true } })
      )
      run(project, "npm", "install", "--no-audit", "--no-fund")
    })

    it("installs without a second effect", () => {
      const installed = Schema.decodeSync(Nodes)(run(project, "npm", "query", "#effect"))
      assert.deepStrictEqual(
        installed.map(({ version }) => version),
        [effect]
      )
    })
    it("compiles with TypeScript 7, declarations of libraries included", () => {
      run(project, bin("tsc"))
    })
    it("compiles with TypeScript 6, declarations of libraries included", () => {
      run(project, bin("tsc6"), "--noEmit")
    })
    it("runs on the Node.js of the project", () => {
      assert.strictEqual(run(project, process.execPath, "main.js"), "Created SUP-1001\n")
    })
    it(`runs on Node.js ${floor}, the oldest allowed`, () => {
      assert.isTrue(run(project, join("node_modules", ".bin", "node"), "--version").startsWith(`v${floor}.`))
      assert.strictEqual(run(project, join("node_modules", ".bin", "node"), "main.js"), "Created SUP-1001\n")
    })

    const bundle = async (code: string) => {
      const { metafile } = await esbuild.build({
        stdin: { contents: code, resolveDir: project },
        bundle: true,
        format: "esm",
        metafile: true,
        minify: true,
        write: false
      })
      const [output] = Object.values(metafile.outputs)
      return Object.entries(output?.inputs ?? {}).flatMap(([path, { bytesInOutput }]) =>
        bytesInOutput > 0 ? [path] : []
      )
    }
    const ofHttp = (path: string) => path.includes("node_modules/effect/dist/http/")

    it("bundles the HTTP client only for those who import it", async () => {
      const id = `import { TicketId } from "effect-ripio-tickets"; console.log(TicketId)`
      assert.deepStrictEqual((await bundle(id)).filter(ofHttp), [])
      const client = `import { Ripio } from "effect-ripio-tickets"; console.log(Ripio)`
      assert.isAbove((await bundle(client)).filter(ofHttp).length, 0)
    })
  })
}
