import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import type * as SqlClient from "effect/sql/SqlClient"
import { StoreTiming } from "../../../src/internal/durable/storeTiming.ts"
import { NodeSqlite } from "../../../src/node/index.ts"

export type SqlStore =
  | { readonly kind: "sqlite"; readonly file: string }
  | {
      readonly kind: "postgres"
      readonly port: number
      readonly database: string
    }

export interface RedisStore {
  readonly kind: "redis"
  readonly port: number
}

export type Store = SqlStore | RedisStore

/** Short times, so that the work of a killed process is redelivered soon. */
export const lock = { pollInterval: 100, lockRefreshInterval: 1250, lockExpiration: 5000 }

/** The same for durable work. */
export const shortLocks = Layer.succeed(StoreTiming, {
  pollInterval: Duration.millis(lock.pollInterval),
  lockRefreshInterval: Duration.millis(lock.lockRefreshInterval),
  lockExpiration: Duration.millis(lock.lockExpiration)
})

export const sqlClient = (store: SqlStore): Layer.Layer<SqlClient.SqlClient, unknown> =>
  store.kind === "sqlite"
    ? NodeSqlite.layer({ filename: store.file })
    : PgClient.layer({
        host: "127.0.0.1",
        port: store.port,
        database: store.database,
        username: "postgres",
        startupParameters: { TimeZone: "UTC" }
      })

export const redisQueueStore = (port: number) =>
  PersistedQueue.layerStoreRedis({ ...lock, prefix: "{ripio}:" }).pipe(
    Layer.provide(NodeRedis.layer({ socket: { host: "127.0.0.1", port } }))
  )
