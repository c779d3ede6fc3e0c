// A browser, as one bundle in a page of the server's own origin.
import { smoke } from "./smoke.ts"
import type { Target } from "./target.ts"

const target = JSON.parse(document.querySelector("#target")?.textContent ?? "") as Target
await fetch("/report", { method: "POST", body: JSON.stringify(await smoke(target)) })
