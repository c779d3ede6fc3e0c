/**
 * Follows the tickets of a CSV file to their outcomes: `node examples/csv.ts tickets.csv outcomes.csv`.
 *
 * The input has a column `ticketId`. The program appends each outcome to the output at once, so a second run continues
 * where the first one stopped. Without the variables of an account, the example follows a hundred tickets of the sandbox.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Csv from "effect/encoding/Csv"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import { FetchTransport, Ripio, SupportTickets, TicketId } from "effect-ripio-tickets"
import { Sandbox } from "effect-ripio-tickets/testing"

const Row = Schema.Struct({ ticketId: TicketId })

const Outcome = Schema.Struct({
  ticketId: TicketId,
  state: Schema.Literals(["Created", "Failed", "NotFound"]),
  issueKey: Schema.String
})

/** Follows each ticket of `input`, and appends its outcome to `output`. Returns the ids that are still pending. */
export const followAll = Effect.fn("followAll")(function* (input: string, output: string) {
  const fs = yield* FileSystem.FileSystem
  const tickets = yield* SupportTickets
  // An invalid id ends the program here, before the first request.
  const wanted = new Set(yield* fs.readFileString(input).pipe(Effect.flatMap(decodeIds(Row))))
  const lines = yield* completeLines(output)
  const known = new Set(yield* decodeIds(Outcome)(lines))
  const missing = [...wanted].filter((ticketId) => !known.has(ticketId))

  const pending: Array<TicketId> = []
  const follow = (ticketId: TicketId) =>
    tickets.awaitOutcome(ticketId).pipe(
      Effect.map((outcome): typeof Outcome.Type | undefined => ({
        ticketId,
        state: outcome._tag,
        issueKey: outcome._tag === "Created" ? outcome.issueKey : ""
      })),
      Effect.catchTags({
        NotFound: () => Effect.succeed<typeof Outcome.Type>({ ticketId, state: "NotFound", issueKey: "" }),
        // Not written to the output: the next run follows the ticket again.
        OutcomePending: () =>
          Effect.as(
            Effect.sync(() => pending.push(ticketId)),
            undefined
          )
      })
    )

  let done = wanted.size - missing.length
  yield* showProgress(done, wanted.size)
  yield* Stream.fromIterable(missing).pipe(
    // A hundred waits at a time. The account gate limits how many of their requests are sent at once.
    Stream.mapEffect(follow, { concurrency: 100, unordered: true }),
    Stream.tap(() => showProgress(++done, wanted.size)),
    Stream.filter(Predicate.isNotUndefined),
    Stream.pipeThroughChannel(Csv.encodeSchemaString(Outcome)({ headers: lines === "", newline: "\n" })),
    Stream.runForEach((line) => fs.writeFileString(output, line, { flag: "a" }))
  )
  return pending
})

const decodeIds =
  <E>(schema: Schema.Codec<{ readonly ticketId: TicketId }, E>) =>
  (text: string) =>
    Stream.make(text).pipe(
      Stream.pipeThroughChannel(Csv.decodeSchemaString(schema)({ headers: true })),
      Stream.map(({ ticketId }) => ticketId),
      Stream.runCollect
    )

/** The lines of the output. A process that was killed may have left half a line at the end, which is removed. */
const completeLines = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  if (!(yield* fs.exists(path))) return ""
  const text = yield* fs.readFileString(path)
  const complete = text.slice(0, text.lastIndexOf("\n") + 1)
  if (complete !== text) yield* fs.truncate(path, new TextEncoder().encode(complete).length)
  return complete
})

/** Draws a bar in a terminal, and prints a line elsewhere. */
const showProgress = Effect.fnUntraced(function* (done: number, total: number) {
  const terminal = yield* Terminal.Terminal
  const stdio = yield* Stdio.Stdio
  const filled = total === 0 ? 30 : Math.floor((30 * done) / total)
  const bar = `\r[${"#".repeat(filled)}${".".repeat(30 - filled)}] ${done} of ${total}${done === total ? "\n" : ""}`
  yield* terminal.display((yield* stdio.stdoutIsTerminal) ? bar : `${done} of ${total}\n`)
})

const report = Effect.fnUntraced(function* (input: string, output: string) {
  const pending = yield* followAll(input, output)
  yield* Console.log(`The outcomes are in ${output}. ${pending.length} tickets are still pending.`)
})

const onSandbox = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const sandbox = yield* Sandbox
  const folder = yield* fs.makeTempDirectoryScoped()
  const ids = yield* Effect.forEach(Array.from({ length: 100 }).keys(), (index) =>
    sandbox.seed({ outcome: index % 10 === 0 ? "Failed" : "Created", after: 30 * index })
  )
  yield* fs.writeFileString(`${folder}/tickets.csv`, ["ticketId", ...ids, ""].join("\n"))
  yield* report(`${folder}/tickets.csv`, `${folder}/outcomes.csv`)
}).pipe(Effect.scoped, Effect.provide(Sandbox.layerRipio()))

if (process.argv[1] === import.meta.filename) {
  const [input = "tickets.csv", output = "outcomes.csv"] = process.argv.slice(2)
  const onRipio = Effect.provide(report(input, output), Ripio.layerConfig.pipe(Layer.provide(FetchTransport.layer)))
  const program = process.env["RIPIO_CLIENT_ID"] === undefined ? onSandbox : onRipio
  NodeRuntime.runMain(Effect.provide(program, NodeServices.layer))
}
