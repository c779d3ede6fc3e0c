// Bundles the command line into one file without dependencies, with the licenses of what it contains.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as esbuild from "esbuild"
import manifest from "../package.json" with { type: "json" }

const root = join(import.meta.dirname, "..")

const options = {
  absWorkingDir: root,
  entryPoints: ["src/cli/main.ts"],
  outfile: manifest.bin["ripio-tickets"],
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node22",
  minify: true,
  metafile: true,
  define: { packageVersion: JSON.stringify(manifest.version) }
} as const satisfies esbuild.BuildOptions

/** The folders of the packages that a bundle contains. */
const packagesIn = (inputs: ReadonlyArray<string>) => [
  ...new Set(inputs.flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/u.exec(path) ?? []))
]

const { metafile } = await esbuild.build({ ...options, write: false })
const licenses = packagesIn(Object.keys(metafile.inputs)).map(
  (folder) => `${folder.replace("node_modules/", "")}\n\n${readFileSync(join(root, folder, "LICENSE"), "utf8")}`
)
await esbuild.build({ ...options, footer: { js: `/*\nThis file contains:\n\n${licenses.join("\n")}*/` } })
