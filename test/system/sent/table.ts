import { readFileSync } from "node:fs"
import { join } from "node:path"

/** The table in `docs/testing.md` of what each transport does at each fault: it is what the tests expect. */
const rows = readFileSync(join(import.meta.dirname, "..", "..", "..", "docs", "testing.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) =>
    line
      .slice(1, -1)
      .split(" | ")
      .map((cell) => cell.trim())
  )

const heading = rows.findIndex(([first]) => first === "fault")
const columns = rows[heading] ?? []

/** The whole forms that arrive and what the caller learns, as the table says. A cell may have two results. */
export const expectedCells = (fault: string, column: string): ReadonlyArray<string> => {
  const cell = rows.slice(heading + 1).find(([name]) => name === fault)?.[columns.indexOf(column)] ?? ""
  const [forms = "", outcomes = ""] = cell.split(", ")
  return cell === notApplicable ? [cell] : outcomes.split(" or ").map((outcome) => cellOf(forms, outcome))
}

/** The names of the faults in the table, in its order. */
export const documentedFaults = (): ReadonlyArray<string> => {
  const body = rows.slice(heading + 2)
  const end = body.findIndex(({ length }) => length !== columns.length)
  return (end < 0 ? body : body.slice(0, end)).map(([name = ""]) => name)
}

export const notApplicable = "—"

export const cellOf = (forms: number | string, outcome: string): string => `${forms}, ${outcome}`
