// Node.js, Bun and Deno, with the packages as they are installed. It has to end by itself: nothing may be left open.
import { smoke } from "./smoke.ts"
import type { Target } from "./target.ts"

const target = JSON.parse(process.env["TARGET"] ?? "") as Target
process.stdout.write(`${JSON.stringify(await smoke(target))}\n`)
