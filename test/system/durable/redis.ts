import { existsSync } from "node:fs"
import { type ServerProcess, startServer } from "./serverProcess.ts"

const program = "/usr/bin/redis-server"

export const isRedisInstalled = () => existsSync(program)

/** Starts Redis with an append-only file, in a temporary folder, on a free port. */
export const startRedis = (): Promise<ServerProcess> =>
  startServer({
    name: "redis",
    command: (folder, port) => [
      program,
      ...`--port ${port} --bind 127.0.0.1 --dir ${folder} --appendonly yes --maxmemory-policy noeviction`.split(" "),
      // No snapshots.
      "--save",
      ""
    ],
    ready: /Ready to accept connections/u,
    killSignal: "SIGKILL"
  })
