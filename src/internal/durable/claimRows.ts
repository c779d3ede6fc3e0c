import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import type { SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import type { ClaimRows } from "./claims.ts"
import type { QueueTable, Release } from "./queueTable.ts"

class ReleaseRequest extends Request.Class<{ readonly release: Release }, void, SqlError> {}

const maxReleases = 100

const noRows = () => Effect.succeed([])

/** A connection that executes nothing. */
const noConnection: Connection = {
  execute: noRows,
  executeRaw: noRows,
  executeStream: () => Stream.empty,
  executeUnprepared: noRows,
  executeValues: noRows,
  executeValuesUnprepared: noRows
}

/** The claims of a queue in the database. Those that end at the same moment end with one statement. */
export const makeClaimRows = (sql: SqlClient, table: QueueTable, queue: string): ClaimRows => {
  const resolver = RequestResolver.make<ReleaseRequest>((entries) =>
    Effect.map(
      Effect.exit(
        table.release(
          queue,
          entries.map(({ request }) => request.release)
        )
      ),
      (exit) => {
        for (const entry of entries) entry.completeUnsafe(Exit.asVoid(exit))
      }
    )
  ).pipe(RequestResolver.batchN(maxReleases))
  return {
    release: ({ attempts, id }, { delay, reason }) =>
      Effect.request(
        new ReleaseRequest({
          release: { id, attempts, seconds: Math.max(0, Math.ceil(Duration.toSeconds(delay))), reason }
        }),
        resolver
      ),
    withoutStatements: Effect.provideService(sql.transactionService, [noConnection, 0])
  }
}
