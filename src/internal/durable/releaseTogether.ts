import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import type { SqlError } from "effect/sql/SqlError"
import type { Release as ReleaseClaim } from "./claims.ts"
import type { QueueTable, Release } from "./queueTable.ts"

class ReleaseRequest extends Request.Class<{ readonly release: Release }, void, SqlError> {}

const maxReleases = 100

/** Ends the claims that end at the same moment with one statement, where the queue needs a commit for each. */
export const makeReleaseTogether = (table: QueueTable, queue: string): ReleaseClaim => {
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
  return ({ attempts, id }, { delay, reason }) =>
    Effect.request(
      new ReleaseRequest({
        release: { id, attempts, seconds: Math.max(0, Math.ceil(Duration.toSeconds(delay))), reason }
      }),
      resolver
    )
}
