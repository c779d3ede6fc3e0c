import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { runSync } from "../../../scripts/run.ts"
import { type ServerProcess, startServer } from "./serverProcess.ts"

const versions = "/usr/lib/postgresql"

/** The programs of the newest PostgreSQL that Debian has installed. */
const programs = () => {
  const newest = readdirSync(versions).toSorted((a, b) => Number(b) - Number(a))[0]
  if (newest === undefined) throw new Error(`${versions} is empty. Install the Debian package postgresql.`)
  return join(versions, newest, "bin")
}

export const isPostgresInstalled = () => existsSync(versions)

export interface Postgres extends ServerProcess {
  /** Creates a database and returns its name. */
  readonly createDatabase: () => string
  /** Runs a statement, and returns its rows as the columns of text. */
  readonly query: (database: string, sql: string) => ReadonlyArray<ReadonlyArray<string>>
}

/** Starts PostgreSQL in a temporary folder, on a free port. */
export const startPostgres = async (): Promise<Postgres> => {
  const bin = programs()
  const server = await startServer({
    name: "postgres",
    user: "postgres",
    prepare: (folder, run) =>
      run(join(bin, "initdb"), "-D", join(folder, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"),
    command: (folder, port) => [
      join(bin, "postgres"),
      ..."-c listen_addresses=127.0.0.1 -c timezone=UTC".split(" "),
      ...`-D ${join(folder, "data")} -k ${folder} -p ${port}`.split(" ")
    ],
    ready: /ready to accept connections/u,
    killSignal: "SIGQUIT"
  })
  let databases = 0
  const query = (database: string, sql: string) =>
    runSync(
      server.folder,
      join(bin, "psql"),
      ...`-h 127.0.0.1 -p ${server.port} -U postgres -d ${database} -XAtq`.split(" "),
      "-F",
      "\t",
      "-c",
      sql
    )
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t"))
  return Object.assign(server, {
    createDatabase: () => {
      const name = `test_${++databases}`
      query("postgres", `CREATE DATABASE ${name}`)
      return name
    },
    query
  })
}
