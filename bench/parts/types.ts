// The type-checking cost of a small program: `tsc --extendedDiagnostics`, with `skipLibCheck`.
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { medianOfPairs, median, type Options, measureRounds, table } from "../harness.ts"
import { runSync } from "../../scripts/run.ts"
import { bench, bin } from "../project.ts"

const baseline = "effect/http"
const programs = {
  [baseline]: `
    import * as Effect from "effect/Effect"
    import * as FetchHttpClient from "effect/http/FetchHttpClient"
    import * as HttpClient from "effect/http/HttpClient"
    import * as HttpClientResponse from "effect/http/HttpClientResponse"
    import * as Schema from "effect/Schema"
    const Ticket = Schema.Struct({ ticketId: Schema.String, status: Schema.Literals(["PENDING", "CREATED", "FAILED"]) })
    export const ticket = HttpClient.get("https://example.com").pipe(
      Effect.flatMap(HttpClientResponse.schemaBodyJson(Ticket)),
      Effect.map(({ status }) => status),
      Effect.catchTag("SchemaError", () => Effect.succeed("unreadable")),
      Effect.provide(FetchHttpClient.layer)
    )`,
  "effect-ripio-tickets": `
    import * as Effect from "effect/Effect"
    import * as Layer from "effect/Layer"
    import { FetchTransport, Ripio, SupportTickets, TicketId } from "effect-ripio-tickets"
    export const ticket = SupportTickets.use((tickets) => tickets.retrieve(TicketId.make("..."))).pipe(
      Effect.map(({ _tag }) => _tag),
      Effect.catchTag("NotFound", () => Effect.succeed("no such ticket")),
      Effect.provide(Ripio.layerConfig.pipe(Layer.provide(FetchTransport.layer)))
    )`,
  zod: `
    import * as z from "zod"
    const Ticket = z.object({ ticketId: z.uuid(), status: z.enum(["PENDING", "CREATED", "FAILED"]) })
    export const ticket = async () => Ticket.parse(await (await fetch("https://example.com")).json()).status`,
  "openapi-fetch": `
    import createClient from "openapi-fetch"
    import type { paths } from "../openapi-typescript.js"
    const client = createClient<paths>({ baseUrl: "https://example.com" })
    export const ticket = async (ticketId: string) =>
      (await client.GET("/api/v1/supportTickets/{ticketId}/", { params: { path: { ticketId } } })).data?.status`,
  "hey-api + zod": `
    import { retrieve } from "../hey-api/sdk.gen.js"
    export const ticket = async (ticketId: string) => (await retrieve({ path: { ticketId } })).data?.status`
}
const compilers = {
  "TypeScript 7": bin("tsc"),
  "TypeScript 5.9": join(bench, "node_modules", ".bin", "tsc")
}

const compilerOptions = {
  target: "es2023",
  module: "nodenext",
  strict: true,
  skipLibCheck: true,
  noEmit: true,
  types: []
}

interface Checking {
  readonly seconds: number
  readonly instantiations: number
  readonly types: number
}

const figure = (output: string, name: string) => Number(new RegExp(`^${name}:\\s+([\\d.]+)`, "mu").exec(output)?.[1])

export const measure = async (options: Options): Promise<string> => {
  const folder = join(bench, "build", "types")
  mkdirSync(folder, { recursive: true })
  const project = (name: string) => join(folder, `${name.replaceAll(/\W+/gu, "-")}.json`)
  for (const [name, text] of Object.entries(programs)) {
    const program = project(name).replace(/json$/u, "ts")
    writeFileSync(program, text)
    writeFileSync(project(name), JSON.stringify({ compilerOptions, files: [program] }))
  }
  const check = (compiler: string, name: string): Checking => {
    const output = runSync(folder, compiler, "--project", project(name), "--extendedDiagnostics")
    return {
      seconds: figure(output, "Total time"),
      instantiations: figure(output, "Instantiations"),
      types: figure(output, "Types")
    }
  }
  const sections: Array<string> = []
  for (const [title, compiler] of Object.entries(compilers)) {
    const measurements = Object.keys(programs).map((name) => [name, async () => check(compiler, name)] as const)
    const results = await measureRounds(new Map(measurements), { rounds: Math.min(5, options.rounds), warmUps: 1 })
    const of = (name: string) => results.get(name)!
    sections.push(
      table(
        [title, "s", `x ${baseline}`, "types", "instantiations"],
        Object.keys(programs).map((name) => [
          name,
          median(of(name).map(({ seconds }) => seconds)).toFixed(2),
          medianOfPairs(of(name), of(baseline), (one, base) => one.seconds / base.seconds).toFixed(2),
          `${of(name)[0]!.types}`,
          `${of(name)[0]!.instantiations}`
        ])
      )
    )
  }
  return sections.join("\n\n")
}
