import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, posix } from "node:path"
import { fileURLToPath } from "node:url"
import * as Schema from "effect/Schema"
import * as esbuild from "esbuild"
import manifest from "../../../package.json" with { type: "json" }
import { runSync } from "../../../scripts/run.ts"

// Packs dist/, installs the package into an empty project, and compiles, runs and bundles it there. Build first.

const root = fileURLToPath(new URL("../../..", import.meta.url))
const bin = (name: string) => join(root, "node_modules", ".bin", name)

const Versions = Schema.fromJsonString(Schema.Union([Schema.String, Schema.Array(Schema.String)]))
const SourceMap = Schema.fromJsonString(Schema.Struct({ sources: Schema.Array(Schema.String) }))
const Nodes = Schema.fromJsonString(Schema.Array(Schema.Struct({ version: Schema.String })))

/** The lowest and the highest published version in a range: one version if they are equal. */
const lowestAndHighest = (name: string, range: string): ReadonlyArray<string> => {
  const listed = runSync(root, "npm", "view", `${name}@${range}`, "version", "--json")
  const ascending = [Schema.decodeSync(Versions)(listed)].flat()
  return [...new Set([...ascending.slice(0, 1), ...ascending.slice(-1)])]
}

const workspace = mkdtempSync(join(tmpdir(), "effect-ripio-tickets-"))
let tarball = ""
let files: ReadonlyArray<string> = []

beforeAll(() => {
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", workspace]
  tarball = join(workspace, `${manifest.name}-${manifest.version}.tgz`)
  runSync(root, "npm", ...pack)
  files = runSync(workspace, "tar", "-tzf", tarball)
    .trim()
    .split("\n")
    .map((path) => path.replace(/^package\//u, ""))
})

afterAll(() => {
  rmSync(workspace, { recursive: true })
})

describe("the packed package", () => {
  it("contains the build, the sources, the documents and the examples, and no other file", () => {
    const documents = ["CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "package.json"]
    const folders = /^(dist\/.*\.(js|d\.ts)(\.map)?|(src|examples)\/.*\.ts|docs\/[a-z0-9-]+\.(md|json|yml))$/u
    const rest = files.filter((path) => !folders.test(path))
    assert.deepStrictEqual(rest.toSorted(), documents)
    assert.isAbove(files.filter((path) => path.startsWith("docs/")).length, 10)
    assert.isAbove(files.filter((path) => path.startsWith("examples/")).length, 10)
  })

  it("contains each file that the README and the documents link to", () => {
    const documents = files.filter((path) => path.endsWith(".md"))
    const missing = documents.flatMap((path) => {
      const text = runSync(workspace, "tar", "-xzOf", tarball, `package/${path}`)
      const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/gu)].map(([, link = ""]) => link)
      return links
        .map((link) => posix.join(posix.dirname(path), link))
        .filter((link) => !files.includes(link))
        .map((link) => `${path} -> ${link}`)
    })
    assert.deepStrictEqual(missing, [])
  })

  it("exports each file that the root entry names, under its name", () => {
    const index = readFileSync(join(root, "src/index.ts"), "utf8")
    const named = [...index.matchAll(/from "\.\/((?:domain|services|layers)\/([A-Za-z]+))\.ts"/gu)]
    const expected = named.map(([, path = "", name = ""]) => [
      `./${name}`,
      { types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` }
    ])
    const others = ["./package.json", ".", "./testing", "./node", "./durable"]
    const exported = Object.entries(manifest.exports).filter(([path]) => !others.includes(path))
    assert.isAbove(exported.length, 40)
    assert.deepStrictEqual(Object.fromEntries(exported), Object.fromEntries(expected))
  })

  it("contains the declarations of each module, and source maps whose sources are in the package", () => {
    const missing = files
      .filter((path) => path.endsWith(".js") && path !== manifest.bin["ripio-tickets"])
      .flatMap((path) => {
        const declarations = path.replace(/js$/u, "d.ts")
        const maps = [`${path}.map`, `${declarations}.map`]
        const sources = maps
          .filter((map) => files.includes(map))
          .flatMap((map) => {
            const { sources } = Schema.decodeSync(SourceMap)(
              runSync(workspace, "tar", "-xzOf", tarball, `package/${map}`)
            )
            return sources.map((source) => posix.join(posix.dirname(map), source))
          })
        return [declarations, ...maps, ...sources].filter((needed) => !files.includes(needed))
      })
    assert.isAbove(files.filter((path) => path.endsWith(".js")).length, 0)
    assert.deepStrictEqual(missing, [])
  })

  it("passes publint", () => {
    runSync(workspace, bin("publint"), "run", tarball, "--strict")
  })

  it("resolves its types from every kind of module that can import it", () => {
    runSync(workspace, bin("attw"), tarball, "--profile", "esm-only", "--no-emoji")
  })
})

const version = `${manifest.version}\n`
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

for (const effect of lowestAndHighest("effect", manifest.peerDependencies.effect)) {
  describe(`a project with effect ${effect}`, () => {
    const project = join(workspace, `effect-${effect}`)
    const oldestNode = manifest.engines.node.replace(/^>=/u, "")

    beforeAll(() => {
      mkdirSync(project)
      copyFileSync(consumer, join(project, "main.ts"))
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify(tsconfig))
      const dependencies = {
        [manifest.name]: `file:${tarball}`,
        effect,
        node: lowestAndHighest("node", manifest.engines.node)[0]
      }
      writeFileSync(
        join(project, "package.json"),
        JSON.stringify({ type: "module", dependencies, allowScripts: { node: true } })
      )
      runSync(project, "npm", "install", "--no-audit", "--no-fund")
    })

    it("installs a single copy of effect", () => {
      const installed = Schema.decodeSync(Nodes)(runSync(project, "npm", "query", "#effect"))
      assert.deepStrictEqual(
        installed.map(({ version }) => version),
        [effect]
      )
    })
    it("compiles with TypeScript 7, library declarations included", () => {
      runSync(project, bin("tsc"))
    })
    it("compiles with TypeScript 6, library declarations included", () => {
      runSync(project, bin("tsc6"), "--noEmit")
    })
    it("runs on the Node.js version of this repository", () => {
      assert.strictEqual(runSync(project, process.execPath, "main.js"), "Created SUP-1001\n")
    })
    it(`runs on Node.js ${oldestNode}, the oldest supported version`, () => {
      const node = join("node_modules", ".bin", "node")
      assert.isTrue(runSync(project, node, "--version").startsWith(`v${oldestNode}.`))
      assert.strictEqual(runSync(project, node, "main.js"), "Created SUP-1001\n")
      assert.strictEqual(runSync(project, node, join("node_modules", ".bin", "ripio-tickets"), "--version"), version)
    })
    it("runs the command line by the name of the package", () => {
      assert.strictEqual(runSync(project, "npx", manifest.name, "--version"), version)
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
    const isHttpModule = (path: string) => path.includes("node_modules/effect/dist/http/")

    it("bundles effect/http only if an import needs it", async () => {
      const id = `import { TicketId } from "effect-ripio-tickets"; console.log(TicketId)`
      assert.deepStrictEqual((await bundle(id)).filter(isHttpModule), [])
      const client = `import { Ripio } from "effect-ripio-tickets"; console.log(Ripio)`
      assert.isAbove((await bundle(client)).filter(isHttpModule).length, 0)
    })

    it("bundles the same by subpath as from the root, or less", async () => {
      const sizeOf = async (code: string) => (await bundle(code)).length
      for (const [path, name] of [
        ["Ripio", "* as Ripio"],
        ["TicketId", "{ TicketId }"],
        ["TicketWebhooksLive", "* as TicketWebhooksLive"]
      ] as const) {
        const value = name.replace(/[{} ]|\* as /gu, "")
        const bySubpath = await sizeOf(`import ${name} from "effect-ripio-tickets/${path}"; console.log(${value})`)
        const fromRoot = await sizeOf(`import { ${value} } from "effect-ripio-tickets"; console.log(${value})`)
        assert.isAbove(bySubpath, 0)
        assert.isAtMost(bySubpath, fromRoot)
      }
    })
  })
}
