import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import { NodeSqlite } from "../../src/node/index.ts"

/** A database in a file or in memory, which opens without fail. */
export const layer = (filename: string): Layer.Layer<SqlClient> => Layer.orDie(NodeSqlite.layer({ filename }))
