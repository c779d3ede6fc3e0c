// The program for Node.js, Bun and Deno, with the installed packages. It does not call `process.exit`: an open handle makes
// the run time out.
import { smoke } from "./smoke.ts"
import type { Target } from "./target.ts"

const target = JSON.parse(process.env["TARGET"] ?? "") as Target
process.stdout.write(`${JSON.stringify(await smoke(target))}\n`)
