/**
 * What only Node.js has: an adapter from web handlers to `node:http`, and a `SqlClient` on `node:sqlite`.
 *
 * @since 0.1.0
 */
export * from "./NodeListener.ts"
/**
 * A `SqlClient` on `node:sqlite`.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export * as NodeSqlite from "./NodeSqlite.ts"
