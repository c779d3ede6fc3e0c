/**
 * What only Node.js has: an adapter from web handlers to `node:http`.
 *
 * @since 0.1.0
 */
export * from "./NodeListener.ts"
