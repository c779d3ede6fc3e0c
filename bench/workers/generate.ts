// Generates the candidates that are generated, out of the repository's sight.
import { createClient } from "@hey-api/openapi-ts"
import * as OpenApiGenerator from "@effect/openapi-generator/OpenApiGenerator"
import * as Effect from "effect/Effect"
import { buildSync } from "esbuild"
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import openapiTypescript, { astToString } from "openapi-typescript"

const build = join(import.meta.dirname, "..", "build")
const document = JSON.parse(readFileSync(join(build, "openapi.json"), "utf8"))

writeFileSync(join(build, "openapi-typescript.ts"), astToString(await openapiTypescript(document)))

// Of answers only: its validator of requests builds a schema for each call, which costs more than all the rest.
await createClient({
  input: join(build, "openapi.json"),
  output: join(build, "hey-api"),
  logs: { level: "silent" },
  plugins: [
    "@hey-api/client-fetch",
    "@hey-api/typescript",
    "zod",
    { name: "@hey-api/sdk", validator: { response: true } }
  ]
})
// It imports ./x.js where it wrote x.ts.
const entryPoints = globSync(join(build, "hey-api", "**", "*.ts"))
buildSync({ entryPoints, outdir: join(build, "hey-api"), format: "esm", target: "es2023" })

const source = await Effect.runPromise(
  OpenApiGenerator.OpenApiGenerator.use((generator) =>
    generator.generate(document, { name: "Tickets", format: "httpclient" })
  ).pipe(Effect.provide(OpenApiGenerator.layerTransformerSchema))
)
// It was made for a beta of Effect 4.
writeFileSync(join(build, "effect.ts"), source.replaceAll("effect/unstable/", "effect/"))
