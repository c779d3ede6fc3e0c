// Generates the clients of the generators in bench/build, which is not committed.
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

// Validates only responses: the validator of requests builds a schema for each call, which would dominate the cost.
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
// The generated modules are TypeScript, and import each other as .js: compile them.
const entryPoints = globSync(join(build, "hey-api", "**", "*.ts"))
buildSync({ entryPoints, outdir: join(build, "hey-api"), format: "esm", target: "es2023" })

const source = await Effect.runPromise(
  OpenApiGenerator.OpenApiGenerator.use((generator) =>
    generator.generate(document, { name: "Tickets", format: "httpclient" })
  ).pipe(Effect.provide(OpenApiGenerator.layerTransformerSchema))
)
// The generator targets a beta of Effect 4, with other module paths.
writeFileSync(join(build, "effect.ts"), source.replaceAll("effect/unstable/", "effect/"))
