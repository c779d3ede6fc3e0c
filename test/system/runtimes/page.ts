// The program for a browser: one bundle, in a page with the origin of the server.
import { smoke } from "./smoke.ts"
import type { Target } from "./target.ts"

const target = JSON.parse(document.querySelector("#target")?.textContent ?? "") as Target
await fetch("/report", { method: "POST", body: JSON.stringify(await smoke(target)) })
